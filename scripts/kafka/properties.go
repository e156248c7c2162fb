package kafka

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// nodeProperties returns the settings of one KRaft node (broker and controller in one process) made for tests: small,
// no join delay, a killed broker forgotten after 2 s instead of 9 s, nothing created by asking for it.
func nodeProperties(id int, ports []nodePorts, dataDir string) map[string]string {
	voters := make([]string, len(ports))
	for i, p := range ports {
		voters[i] = fmt.Sprintf("%d@127.0.0.1:%d", i+1, p.controller)
	}
	replicas, inSync := "1", "1"
	if len(ports) > 1 {
		replicas, inSync = "3", "2"
	}
	own := ports[id-1]
	listener := fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", own.broker)
	return map[string]string{
		"process.roles":                  "broker,controller",
		"node.id":                        fmt.Sprint(id),
		"broker.rack":                    fmt.Sprintf("rack-%d", id),
		"controller.quorum.voters":       strings.Join(voters, ","),
		"listeners":                      fmt.Sprintf("%s,CONTROLLER://127.0.0.1:%d", listener, own.controller),
		"advertised.listeners":           listener,
		"controller.listener.names":      "CONTROLLER",
		"inter.broker.listener.name":     "PLAINTEXT",
		"listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
		"log.dirs":                       filepath.Join(dataDir, "data"),

		"num.network.threads":              "2",
		"num.io.threads":                   "4",
		"log.segment.bytes":                "67108864",
		"log.cleaner.dedupe.buffer.size":   "4194304",
		"auto.create.topics.enable":        "false",
		"auto.leader.rebalance.enable":     "false",
		"unclean.leader.election.enable":   "false",
		"default.replication.factor":       replicas,
		"min.insync.replicas":              inSync,
		"group.initial.rebalance.delay.ms": "0",
		"broker.session.timeout.ms":        "2000",
		"broker.heartbeat.interval.ms":     "500",

		"offsets.topic.replication.factor":                 replicas,
		"offsets.topic.num.partitions":                     "4",
		"transaction.state.log.replication.factor":         replicas,
		"transaction.state.log.min.isr":                    inSync,
		"transaction.state.log.num.partitions":             "4",
		"share.coordinator.state.topic.replication.factor": replicas,
		"share.coordinator.state.topic.min.isr":            inSync,
	}
}

// propertyEscapes are those of java.util.Properties that a path or a JAAS line can need.
var propertyEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

// renderProperties writes a node's server.properties: base with extra over it, sorted by key, ports filled in.
func renderProperties(base, extra map[string]string, own nodePorts) string {
	fill := strings.NewReplacer("{port}", fmt.Sprint(own.broker), "{controller}", fmt.Sprint(own.controller),
		"{extra}", fmt.Sprint(own.extra), "{tls}", fmt.Sprint(own.tls))
	all := maps.Clone(base)
	for k, v := range extra {
		all[k] = fill.Replace(v)
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s=%s\n", k, propertyEscapes.Replace(all[k]))
	}
	return b.String()
}
