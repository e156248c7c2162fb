package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// GapNotice is the server's word that records are missing. Given is -1 where there is no new position.
type GapNotice struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Asked     int64  `json:"asked"`
	Given     int64  `json:"given"`
	Reason    string `json:"reason"`
}

func (g GapNotice) String() string {
	return fmt.Sprintf("%s-%d asked=%d given=%d reason=%s", g.Topic, g.Partition, g.Asked, g.Given, g.Reason)
}

// gapReasons is the closed set of the protocol.
var gapReasons = map[string]bool{"expired": true, "truncated": true, "recreated": true, "other_cluster": true,
	"partition_gone": true, "topic_removed": true, "too_large": true, "max_age": true, "missed": true}

// parseGap reads `gap topic=T partition=P asked=N given=M reason=R`.
func parseGap(comment []byte) (g GapNotice, err error) {
	words := bytes.Split(comment, []byte(" "))
	keys := []string{"gap", "topic=", "partition=", "asked=", "given=", "reason="}
	if len(words) != len(keys) {
		return g, fmt.Errorf("%d words, want %d", len(words), len(keys))
	}
	values := make([]string, len(keys))
	for i, key := range keys {
		v, ok := bytes.CutPrefix(words[i], []byte(key))
		if !ok || (i > 0) != (len(v) > 0) {
			return g, fmt.Errorf("word %q, want %s…", words[i], key)
		}
		values[i] = string(v)
	}
	partition, err := strconv.ParseInt(values[2], 10, 32)
	if err != nil {
		return g, fmt.Errorf("partition: %w", err)
	}
	g = GapNotice{Topic: values[1], Partition: int32(partition), Reason: values[5]}
	if g.Asked, err = strconv.ParseInt(values[3], 10, 64); err != nil {
		return g, fmt.Errorf("asked: %w", err)
	}
	if g.Given, err = strconv.ParseInt(values[4], 10, 64); err != nil {
		return g, fmt.Errorf("given: %w", err)
	}
	return g, g.check()
}

// parseGapEvent reads the data of `event: gap`.
func parseGapEvent(data []byte) (g GapNotice, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&g); err != nil {
		return g, err
	}
	return g, g.check()
}

func (g GapNotice) check() error {
	if !gapReasons[g.Reason] {
		return fmt.Errorf("reason %q is not of the protocol", g.Reason)
	}
	if g.Given < -1 {
		return fmt.Errorf("given %d", g.Given)
	}
	return nil
}
