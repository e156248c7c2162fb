package kafka

import (
	"strings"
	"testing"
)

func TestPropertiesOfOneNode(t *testing.T) {
	ports := []nodePorts{{broker: 1001, controller: 1002, extra: 1003, tls: 1004}}
	got := renderProperties(nodeProperties(1, ports, "/data"), map[string]string{
		"min.insync.replicas": "7",
		"jaas":                "a\\b\tc\nd",
		"my.listener":         "SASL://127.0.0.1:{port},C://127.0.0.1:{controller},X://127.0.0.1:{extra},Y://127.0.0.1:{tls}",
	}, ports[0])
	f := func(line string) {
		t.Helper()
		if !strings.Contains("\n"+got, "\n"+line+"\n") {
			t.Errorf("no line %q in:\n%s", line, got)
		}
	}
	f("node.id=1")
	f("controller.quorum.voters=1@127.0.0.1:1002")
	f("listeners=PLAINTEXT://127.0.0.1:1001,CONTROLLER://127.0.0.1:1002")
	f("group.initial.rebalance.delay.ms=0")
	f("broker.session.timeout.ms=2000")
	f("offsets.topic.replication.factor=1")
	f("min.insync.replicas=7")
	f(`jaas=a\\b\tc\nd`)
	f("my.listener=SASL://127.0.0.1:1001,C://127.0.0.1:1002,X://127.0.0.1:1003,Y://127.0.0.1:1004")
	if n := strings.Count(got, "min.insync.replicas="); n != 1 {
		t.Errorf("min.insync.replicas is written %d times, want once", n)
	}
}

func TestPropertiesOfThreeNodes(t *testing.T) {
	ports := []nodePorts{{broker: 1, controller: 2}, {broker: 4, controller: 5}, {broker: 7, controller: 8}}
	p := nodeProperties(2, ports, "/data")
	f := func(key, want string) {
		t.Helper()
		if p[key] != want {
			t.Errorf("%s = %q, want %q", key, p[key], want)
		}
	}
	f("controller.quorum.voters", "1@127.0.0.1:2,2@127.0.0.1:5,3@127.0.0.1:8")
	f("advertised.listeners", "PLAINTEXT://127.0.0.1:4")
	f("default.replication.factor", "3")
	f("transaction.state.log.min.isr", "2")
	f("broker.rack", "rack-2")
}

func TestFreePortsDiffer(t *testing.T) {
	ports, err := freePorts(3)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range ports {
		seen[p.broker], seen[p.controller], seen[p.extra], seen[p.tls] = true, true, true, true
	}
	if len(seen) != 12 || seen[0] {
		t.Errorf("freePorts(3) = %v, want twelve different ports", ports)
	}
}

func TestBadOptions(t *testing.T) {
	f := func(o Options, want string) {
		t.Helper()
		if _, err := Start(t.Context(), o); err == nil || err.Error() != want {
			t.Errorf("Start(%+v): error %v, want %s", o, err, want)
		}
	}
	f(Options{Version: "2.8"}, `cannot start Kafka version "2.8": allowed are 3.9, 4`)
	f(Options{Nodes: 2}, "cannot start 2 Kafka nodes: allowed are 1 and 3")
}

func TestPomsNameTheirVersion(t *testing.T) {
	for line, r := range releases {
		if !strings.Contains(string(r.pom), "<version>"+r.version+"</version>") {
			t.Errorf("the pom of %s does not name version %s, after which its cache folder is called", line, r.version)
		}
	}
}
