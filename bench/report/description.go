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
	return m.name() + "; server, clients and Kafka on the same machine."
}

func (m Machine) name() string {
	return fmt.Sprintf("%s, %d cores, %s, %s, %s", m.CPU, m.Cores, m.Memory, m.Kernel, m.Go)
}
