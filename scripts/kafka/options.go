package kafka

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/IBM/sarama"
)

// Options says which Kafka to start. The zero value is one node of the newest version in a temporary directory.
type Options struct {
	// Version is "4" or "3.9", the release lines of the pom files here; empty means "4".
	Version string
	// Nodes is 1 or 3; 0 means 1. With 3 every topic that names no replication factor has 3 replicas and needs 2 of them.
	Nodes int
	// Dir keeps data, configuration and logs (node-N.log). Empty: a temporary directory, removed by Close.
	Dir string
	// Secure adds listeners with TLS, SASL and rights; nil: none.
	Secure *Secure
	// Properties are added to every node's server.properties and win over the test settings. In their values {port},
	// {controller}, {extra} and {tls} stand for the node's broker port, its controller port and two free ports of your
	// own.
	Properties map[string]string
	// FormatArgs are added to the storage tool's command line, `--add-scram …` for instance.
	FormatArgs []string
	// LogLevel of the brokers' logs: a log4j level; empty means WARN.
	LogLevel string
	// Client changes the configuration of every sarama client made here (SASL, TLS); nil leaves it as it is.
	Client func(*sarama.Config)
}

// withDefaults fills what is empty and refuses what is out of range.
func (o Options) withDefaults() (Options, error) {
	if o.Version == "" {
		o.Version = "4"
	}
	if _, ok := releases[o.Version]; !ok {
		return o, fmt.Errorf("cannot start Kafka version %q: allowed are %s",
			o.Version, strings.Join(slices.Sorted(maps.Keys(releases)), ", "))
	}
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.Nodes != 1 && o.Nodes != 3 {
		return o, fmt.Errorf("cannot start %d Kafka nodes: allowed are 1 and 3", o.Nodes)
	}
	if o.LogLevel == "" {
		o.LogLevel = "WARN"
	}
	if o.Secure != nil {
		o = o.Secure.apply(o)
	}
	return o, nil
}

// clientConfig is the configuration of the clients made here: protocol 2.8, patient with brokers that come and go.
func (o Options) clientConfig() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V2_8_0_0
	c.ClientID = "ringcast-tests"
	c.Net.DialTimeout = dialTimeout
	c.Net.ReadTimeout = readTimeout
	c.Admin.Retry.Max = 50
	if o.Client != nil {
		o.Client(c)
	}
	return c
}
