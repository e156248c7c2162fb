//go:build linux

package peers

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed kafkasse.js
var kafkaSSEServer []byte

// packages is where scripts/peers/install puts KafkaSSE, from the root of the repository.
const packages = "bin/peers/node_modules"

// threads is the size of Node.js' thread pool. Each client that waits for a record takes one; with the default of 4 they
// starve each other, and stand still behind a burst (measured).
const threads = "128"

// missing says what cannot be started for want of what, and how to get it.
func missing(what string) error {
	return fmt.Errorf("%s; scripts/peers/install installs what the peers need (Debian and its relatives)", what)
}

// FindKafkaSSE returns where KafkaSSE is, or what is missing.
func FindKafkaSSE() (modules string, err error) {
	if _, err := exec.LookPath("node"); err != nil {
		return "", missing("Node.js is not installed")
	}
	modules, err = filepath.Abs(packages)
	if err != nil {
		return "", err
	}
	for _, file := range []string{"kafka-sse/package.json", "node-rdkafka/build/Release/node-librdkafka.node"} {
		if _, err := os.Stat(filepath.Join(modules, file)); err != nil {
			return "", missing("there is no " + filepath.Join(packages, file))
		}
	}
	return modules, nil
}

// KafkaSSE returns the command of a KafkaSSE server, whose script it leaves in dir. The server writes a Started line and
// collects its garbage on SIGUSR2.
func KafkaSSE(dir, modules, broker, topic string, partitions int) (command []string, err error) {
	script := filepath.Join(dir, "kafkasse.js")
	if err := os.WriteFile(script, kafkaSSEServer, 0o600); err != nil {
		return nil, fmt.Errorf("cannot write KafkaSSE's script: %w", err)
	}
	return []string{"env", "UV_THREADPOOL_SIZE=" + threads, "NODE_PATH=" + modules, "node", "--expose-gc", script, broker, topic, fmt.Sprint(partitions)}, nil
}

// KafkaSSEVersion returns the versions of everything that KafkaSSE is made of.
func KafkaSSEVersion(modules string) (string, error) {
	const script = `const v = (n) => require(n + '/package.json').version;
console.log('kafka-sse ' + v('kafka-sse') + ', node-rdkafka ' + v('node-rdkafka') + ', librdkafka ' + require('node-rdkafka').librdkafkaVersion + ', Node.js ' + process.version)`
	c := exec.Command("node", "-e", script)
	c.Env = append(os.Environ(), "NODE_PATH="+modules)
	text, err := c.Output()
	if err != nil {
		return "", missing("KafkaSSE cannot be loaded by Node.js")
	}
	return strings.TrimSpace(string(text)), nil
}
