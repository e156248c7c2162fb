package blackbox

import (
	"encoding/json"
)

// epoch is the tag under which an instance follows a topic, by /streams; ""
// while it does not exist.
func (in *instance) epoch(stream, topic string) string {
	in.t.Helper()
	var status struct {
		Streams []struct {
			Name   string
			Topics []struct{ Name, Epoch string }
		}
	}
	_, body := in.get("/streams")
	if err := json.Unmarshal([]byte(body), &status); err != nil {
		in.t.Fatalf("/streams is %q: %v", body, err)
	}
	for _, s := range status.Streams {
		for _, t := range s.Topics {
			if s.Name == stream && t.Name == topic {
				return t.Epoch
			}
		}
	}
	return ""
}
