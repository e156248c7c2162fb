package openapi

import "fmt"

// shared are the parameters of every stream.
var shared = []Parameter{
	{Ref: "#/components/parameters/since"},
	{Ref: "#/components/parameters/lastEventId"},
	{Ref: "#/components/parameters/notices"},
	{Ref: "#/components/parameters/Last-Event-ID"},
}

func parameters(streams []Stream) map[string]Parameter {
	topic := "topic"
	if len(streams) > 0 && len(streams[0].Topics) > 0 {
		topic = streams[0].Topics[0]
	}
	text := map[string]any{"type": "string"}
	id := Examples{{"position", "One partition, from its offset 61 on.", position(topic, 61)}}
	return map[string]Parameter{
		"since": {
			Name: "since", In: "query", Schema: text,
			Description: "Begin with the records of this time instead of now: RFC 3339, RFC 1123, or milliseconds since 1970. " +
				"It decides where no id does. A time before the oldest record begins with that.",
			Examples: Examples{
				{"date", "RFC 3339; a date alone is its midnight in UTC.", "2026-11-28T12:00:00Z"},
				{"milliseconds", "Since 1970.", "1795867200000"},
			},
		},
		"lastEventId": {
			Name: "lastEventId", In: "query", Schema: text, Examples: id,
			Description: "As the header Last-Event-ID, for clients that cannot set one. The header wins.",
		},
		"notices": {
			Name: "notices", In: "query", Schema: Enum{"string", []string{"event"}},
			Description: `"event" sends a gap, where records cannot be delivered, as "event: gap" with the data {"topic","partition","asked","given","reason"}. ` +
				"Otherwise it is a comment.",
		},
		"Last-Event-ID": {
			Name: "Last-Event-ID", In: "header", Schema: text, Examples: id,
			Description: "The id of the last event that the client has; it goes on behind it. A JSON array with one object per partition, or the short opaque form where a stream has that. " +
				"An offset of -1 is the live end, -2 the oldest record.",
		},
	}
}

// position is an id of one partition.
func position(topic string, offset int) string {
	return fmt.Sprintf(`[{"topic":%q,"partition":0,"offset":%d,"timestamp":1795369653271,"epoch":"yIBR05.aQ-zYo"}]`, topic, offset)
}
