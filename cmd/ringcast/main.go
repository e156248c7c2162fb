// Command ringcast puts Kafka topics in front of the public as Server-Sent
// Events.
package main

import (
	"fmt"
	"io"
	"os"
)

// Exit statuses (CONFIG.md).
const (
	exitOK     = 0
	exitConfig = 1 // the configuration is wrong
	exitUsage  = 2
	exitStart  = 3 // could not start: port taken, Kafka away and required
)

const usage = `ringcast puts Kafka topics in front of the public as Server-Sent Events.

usage:
  ringcast serve -config FILE          run the broker
  ringcast serve -brokers HOST:PORT[,…] -stream NAME=TOPIC[+TOPIC…] [-stream …]
                 [-listen ADDR] [-admin-listen ADDR]
  ringcast check -config FILE [-kafka] validate a configuration, print it with
                                       defaults and the memory it may take
  ringcast tail URL[,…]                follow a stream; -h lists the flags
  ringcast version [-json]             version, commit, Go version
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the command without the process.
func run(args []string, stdout *os.File, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "serve":
		return runServe(args[1:], stderr)
	case "check":
		return runCheck(args[1:], stdout, stderr)
	case "tail":
		return runTail(args[1:], stdout, stderr)
	case "version":
		return runVersion(args[1:], stdout, stderr)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	fmt.Fprintf(stderr, "unknown command %q\n\n%s", args[0], usage)
	return exitUsage
}
