package report

import "fmt"

// Machine is what a reader has to know about where figures come from.
type Machine struct {
	CPU    string
	Cores  int
	Memory string
	Kernel string
	Go     string
}

func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s, %s; server, clients and Kafka on the same machine.",
		m.CPU, m.Cores, m.Memory, m.Kernel, m.Go)
}
