package kafka

import (
	"fmt"
	"net"
)

// nodePorts are the listeners of a node; extra and tls are for whatever a test adds, and for Options.Secure.
type nodePorts struct{ broker, controller, extra, tls int }

// freePorts finds ports for n nodes. All are held at once, so they differ; between here and the broker's bind another
// process may take one, which Start notices and answers with other ports.
func freePorts(n int) ([]nodePorts, error) {
	held := make([]net.Listener, 0, 4*n)
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	next := func() (int, error) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return 0, fmt.Errorf("cannot find a free port on 127.0.0.1: %w", err)
		}
		held = append(held, l)
		return l.Addr().(*net.TCPAddr).Port, nil
	}
	ports := make([]nodePorts, n)
	for i := range ports {
		var err error
		for _, p := range []*int{&ports[i].broker, &ports[i].controller, &ports[i].extra, &ports[i].tls} {
			if *p, err = next(); err != nil {
				return nil, err
			}
		}
	}
	return ports, nil
}
