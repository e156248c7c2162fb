package conf

import (
	"slices"
	"strings"
	"testing"
)

func TestFromFlags(t *testing.T) {
	c, err := fromFlags([]string{"a:9092,b:9092", "c:1"}, []string{"z=one+two", "a.b=three"}, ":0", "127.0.0.1:0", testSystem())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Kafka.Brokers, []string{"a:9092", "b:9092", "c:1"}) || c.Server.Listen != ":0" || c.Server.AdminListen != "127.0.0.1:0" {
		t.Errorf("got %+v %+v", c.Kafka, c.Server)
	}
	if len(c.Streams) != 2 || c.Streams[0].Name != "z" || !slices.Equal(c.Streams[0].Topics, []string{"one", "two"}) ||
		c.Streams[1].Name != "a.b" || !slices.Equal(c.Streams[1].Topics, []string{"three"}) || c.Streams[1].Bytes == 0 {
		t.Errorf("streams are %+v", c.Streams)
	}
	reparsed(t, c, testSystem(), (*loader).check)

	c, err = FromFlags(nil, []string{"s=t"}, "", "")
	if err != nil || !slices.Equal(c.Kafka.Brokers, Default().Kafka.Brokers) || c.Server.Listen != ":8080" || c.Server.AdminListen != "127.0.0.1:8081" {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestFromFlagsErrors(t *testing.T) {
	f := func(brokers, streams []string, listen, admin string, want ...string) {
		t.Helper()
		_, err := fromFlags(brokers, streams, listen, admin, testSystem())
		if err == nil || err.Error() != strings.Join(want, "\n") {
			t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
		}
	}
	good := []string{"s=t"}
	f(nil, nil, "", "", `-stream: there is none, allowed: at least one -stream NAME=TOPIC`)
	f([]string{"a:1,b"}, good, "", "", `-brokers: value "a:1,b": "b" is no address, allowed: HOST:PORT with a port from 1 to 65535`)
	f([]string{""}, good, "", "", `-brokers: value "": "" is no address, allowed: HOST:PORT with a port from 1 to 65535`)
	f(nil, good, "8080", "", `-listen: value "8080": "8080" is no address, allowed: HOST:PORT or :PORT`)
	f(nil, good, "", "x", `-admin-listen: value "x": "x" is no address, allowed: HOST:PORT or :PORT`)
	f(nil, good, "127.0.0.1:8081", "", `server.admin_listen: "127.0.0.1:8081" is the public listener too, allowed: an address of its own`)
	f(nil, []string{"s"}, "", "", `-stream: value "s": is no stream, allowed: NAME=TOPIC or NAME=TOPIC+TOPIC, each NAME once`)
	f(nil, []string{"s="}, "", "", `-stream: value "s=": is no stream, allowed: NAME=TOPIC or NAME=TOPIC+TOPIC, each NAME once`)
	f(nil, []string{"=t"}, "", "", `-stream: value "=t": "" is no name of a stream, allowed: letters, digits, ".", "_" and "-"`)
	f(nil, []string{"a/b=t"}, "", "", `-stream: value "a/b=t": "a/b" is no name of a stream, allowed: letters, digits, ".", "_" and "-"`)
	f(nil, []string{"s=t", "s=u"}, "", "", `-stream: value "s=u": has the name "s" of another stream, allowed: NAME=TOPIC or NAME=TOPIC+TOPIC, each NAME once`)
	f(nil, []string{"s=t+", "u=a b+c\n"}, "", "",
		`-stream: value "s=t+": "" is empty, allowed: letters, digits, ".", "_" and "-"`,
		`-stream: value "u=a b+c\n": "a b" cannot be part of a topic, allowed: letters, digits, ".", "_" and "-"`,
		`-stream: value "u=a b+c\n": "c\n" cannot be part of a topic, allowed: letters, digits, ".", "_" and "-"`)
	f(nil, []string{"s=t${SECRET}"}, "", "", `-stream: value "s=t${SECRET}": "${SECRET}" is not set in the environment, allowed: a variable that is set`)
}
