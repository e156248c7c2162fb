package conf

import (
	"fmt"
	"strings"
)

// FromFlags is the configuration of `ringcast serve` without a file. Each of
// brokers is HOST:PORT, or several with commas between; each of streams is
// NAME=TOPIC or NAME=TOPIC+TOPIC. An empty address is the default. What is
// wrong comes as [Errors] that name the flag.
func FromFlags(brokers, streams []string, listen, adminListen string) (*Config, error) {
	return fromFlags(brokers, streams, listen, adminListen, Host())
}

func fromFlags(brokers, streams []string, listen, adminListen string, sys System) (*Config, error) {
	sys.LookupEnv, sys.ReadFile = nil, nil // the shell has expanded the flags
	l := newLoader("", sys)
	flags := map[string]flagValue{} // by the key that a flag sets, dotted
	root := map[string]any{}

	if len(brokers) > 0 {
		var all []any
		for _, b := range strings.Split(strings.Join(brokers, ","), ",") {
			all = append(all, b)
		}
		root["kafka"] = map[string]any{"brokers": all}
		flags["kafka.brokers"] = flagValue{"-brokers", strings.Join(brokers, ",")}
	}
	server := map[string]any{}
	root["server"] = server
	for _, f := range []struct{ flag, key, value string }{
		{"-listen", "listen", listen},
		{"-admin-listen", "admin_listen", adminListen},
	} {
		if f.value != "" {
			server[f.key] = f.value
			flags["server."+f.key] = flagValue{f.flag, f.value}
		}
	}

	tables := map[string]any{}
	root["streams"] = tables
	var names []string
	for _, arg := range streams {
		name, topics, ok := strings.Cut(arg, "=")
		_, twice := tables[name]
		if !ok || topics == "" || twice {
			wrong := "is no stream"
			if twice {
				wrong = fmt.Sprintf("has the name %q of another stream", name)
			}
			l.errs = append(l.errs, flagValue{"-stream", arg}.wrong(wrong+", allowed: NAME=TOPIC or NAME=TOPIC+TOPIC, each NAME once"))
			l.bad["streams"] = true
			continue
		}
		var all []any
		for topic := range strings.SplitSeq(topics, "+") {
			all = append(all, topic)
		}
		tables[name] = map[string]any{"topics": all}
		names = append(names, name)
		flags[keyName([]string{"streams", name})] = flagValue{"-stream", arg}
	}

	if len(streams) == 0 {
		l.errs = append(l.errs, &Error{Key: "-stream", Message: "there is none, allowed: at least one -stream NAME=TOPIC"})
		l.bad["streams"] = true
	}
	l.read(root, names)
	l.check()
	for i, err := range l.errs {
		if f, ok := flagOf(flags, err.Key); ok {
			l.errs[i] = f.wrong(err.Message)
		}
		l.errs[i].Line = 0
	}
	return l.result()
}

// flagValue is a flag as it was typed.
type flagValue struct{ flag, value string }

func (f flagValue) wrong(message string) *Error {
	return &Error{Key: f.flag, Message: fmt.Sprintf("value %q: %s", f.value, message)}
}

// flagOf finds the flag that set a key: the longest that the key begins with.
func flagOf(flags map[string]flagValue, key string) (best flagValue, ok bool) {
	length := -1
	for prefix, f := range flags {
		if (key == prefix || strings.HasPrefix(key, prefix+".")) && len(prefix) > length {
			best, ok, length = f, true, len(prefix)
		}
	}
	return best, ok
}
