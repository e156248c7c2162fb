package conf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxID is the length of an id in bytes up to which every client and proxy
// takes it as a header (PROTOCOL.md, section 3).
const maxID = 4096

// checkStreams resolves topics and checks what is about streams alone.
func (l *loader) checkStreams() {
	if len(l.cfg.Streams) == 0 && l.good(toml.Key{"streams"}) {
		l.at("streams").fail("there is none, allowed: at least one table [streams.NAME] with topics")
	}
	l.checkRoutes()
	firstWith := make(map[string]*Stream)
	for i := range l.cfg.Streams {
		s := &l.cfg.Streams[i]
		l.resolveTopics(s)
		l.checkShared(s, firstWith)
		l.checkID(s)
		l.checkExample(s)
	}
}

// checkRoutes wants every name and alias to be a route of its own.
func (l *loader) checkRoutes() {
	owner := make(map[string]string)
	for i := range l.cfg.Streams {
		name := l.cfg.Streams[i].Name
		at := l.at("streams", name)
		if wrong, allowed := isName(name); wrong != "" {
			at.wrong(name, "is no name of a stream", allowed)
		}
		owner[name] = keyName(at.key)
	}
	for i := range l.cfg.Streams {
		s := &l.cfg.Streams[i]
		at := l.at("streams", s.Name, "aliases")
		for n, alias := range s.Aliases {
			if first, taken := owner[alias]; taken {
				at.element(n).wrong(alias, "is a route of "+first+" already", "each name or alias once")
				continue
			}
			owner[alias] = keyName(at.key[:2])
		}
	}
}

// resolveTopics puts every prefix before every topic.
func (l *loader) resolveTopics(s *Stream) {
	at := l.at("streams", s.Name, "topics")
	if !l.has(at.key...) {
		if l.good(toml.Key{"streams", s.Name}) {
			at.fail("is missing, allowed: an array of at least one topic")
		}
		return
	}
	for _, prefix := range s.TopicPrefixes {
		for n, name := range s.TopicNames {
			topic := prefix + name
			wrong, allowed := isTopic(topic)
			switch {
			case wrong != "":
				at.element(n).wrong(topic, wrong, allowed)
			case slices.Contains(s.Topics, topic):
				at.element(n).wrong(topic, "is there twice (a prefix and a name give it again)", "each topic once")
			default:
				s.Topics = append(s.Topics, topic)
			}
		}
	}
}

// checkShared wants one topic to have the same events in every stream: a
// request for both streams shows them once.
func (l *loader) checkShared(s *Stream, firstWith map[string]*Stream) {
	for _, topic := range s.Topics {
		first, ok := firstWith[topic]
		if !ok {
			firstWith[topic] = s
			continue
		}
		differ := func(name, ours, theirs string) {
			key := toml.Key{"streams", s.Name, name}
			if ours != theirs && l.good(key, toml.Key{"streams", first.Name, name}) {
				l.at(key...).wrong(ours, fmt.Sprintf("differs from %s of %s, which has topic %q too", theirs, keyName(toml.Key{"streams", first.Name}), topic),
					strconv.Quote(theirs))
			}
		}
		differ("format", s.Format.String(), first.Format.String())
		differ("annotate", s.Annotate.String(), first.Annotate.String())
	}
}

// checkID refuses a stream whose JSON id must become too long: it names every
// topic, with one partition each at least.
func (l *loader) checkID(s *Stream) {
	if s.ID == IDCompact {
		return
	}
	length := len("[]") - len(",")
	for _, topic := range s.Topics {
		length += len(",") + idEntryLength(topic, s.ID)
	}
	if length > maxID {
		l.at("streams", s.Name, "topics").wrong(strconv.Itoa(len(s.Topics))+" topics",
			fmt.Sprintf("make an id of %d bytes with id = %q", length, s.ID),
			fmt.Sprintf("at most %d bytes, by fewer topics or a shorter form of id", maxID))
	}
}

func idEntryLength(topic string, form IDForm) int {
	n := len(`{"topic":"","partition":0,"epoch":"xxxxxx.yyyyyy"}`) + len(topic)
	if form != IDTimestamp {
		n += len(`"offset":,`) + 19 // digits of the largest int64
	}
	if form != IDOffset {
		n += len(`"timestamp":,`) + 13 // digits of milliseconds until the year 2286
	}
	return n
}

// checkExample wants examples to be what the stream would deliver.
func (l *loader) checkExample(s *Stream) {
	if s.Example != "" && s.Format == FormatJSON {
		trimmed := strings.TrimLeft(s.Example, " \t\r\n")
		if !json.Valid([]byte(s.Example)) || trimmed[0] != '{' && trimmed[0] != '[' {
			l.at("streams", s.Name, "example").wrong(s.Example, "is no event of this stream", "a JSON object or array")
		}
	}
	if s.Schema != "" {
		l.readSchema(s)
	}
}

// maxSchema bounds a JSON Schema in bytes: the documentation carries it.
const maxSchema = 1 << 20

// readSchema reads the file of a JSON Schema, which is an object or a boolean
// (JSON Schema 2020-12, section 4.3).
func (l *loader) readSchema(s *Stream) {
	const allowed = "the path of a JSON Schema"
	at := l.at("streams", s.Name, "schema")
	data, ok := at.file(s.Schema)
	if !ok {
		return
	}
	switch data = bytes.TrimSpace(data); {
	case len(data) > maxSchema:
		at.wrong(s.Schema, fmt.Sprintf("has %d bytes", len(data)), fmt.Sprintf("%s of at most %d bytes", allowed, maxSchema))
	case !json.Valid(data):
		at.wrong(s.Schema, "is no JSON file", allowed)
	case data[0] != '{' && data[0] != 't' && data[0] != 'f':
		at.wrong(s.Schema, "is no JSON Schema: neither an object nor a boolean", allowed)
	default:
		s.SchemaJSON = data
	}
}
