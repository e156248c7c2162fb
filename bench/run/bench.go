//go:build linux

package run

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/IBM/sarama"

	"github.com/ringcast/ringcast/bench/intake"
	"github.com/ringcast/ringcast/bench/proc"
	"github.com/ringcast/ringcast/bench/report"
	"github.com/ringcast/ringcast/scripts/kafka"
)

// Bench is what all scenarios share.
type Bench struct {
	// Self is the path of this program, which also is the load generator, the yardstick and the Kafka.
	Self string
	// Ringcast is the path of the server to measure.
	Ringcast string
	// Dir is a folder for the logs of all processes.
	Dir string
	// Rounds is how often each pair of servers is run.
	Rounds int
	// Full asks for longer runs and more clients.
	Full bool
	// Self test: the yardstick stands in for ringcast, so that the ratios show the noise of the method.
	Mirror bool
	// Progress gets one line for each run.
	Progress io.Writer

	// Kafka says which one to run on.
	Kafka KafkaKind

	kafka     *proc.Child    // the embedded one
	cluster   *kafka.Cluster // the real one; nil with an embedded one
	brokers   []string
	kafkaPort int
	topics    int
}

// Run runs one scenario. An error means that there is no result; a result may still say that it failed.
func (b *Bench) Run(ctx context.Context, s Scenario) (report.Document, error) {
	begin := time.Now()
	d, err := s.run(ctx, b)
	b.progress("%s took %v", s.Name, time.Since(begin).Round(time.Second))
	if err != nil {
		b.title(&d, s)
		return d, fmt.Errorf("cannot run scenario %s: %w", s.Name, err)
	}
	b.title(&d, s)
	return d, nil
}

// title names the result. One of the yardstick against itself never takes the name, nor the file, of a
// result of ringcast.
func (b *Bench) title(d *report.Document, s Scenario) {
	d.Scenario = s.Name
	if b.Mirror {
		d.Scenario = "mirror-" + s.Name
		d.Notes = append(d.Notes, "Ringcast was not run: the yardstick is compared with itself, to show the noise of the method.")
	}
}

// withTopic makes an empty topic for the time of do. A topic of its own for every run means that all
// counters begin at 0.
func (b *Bench) withTopic(partitions int, do func(topic string) error) error {
	config := intake.Config()
	config.Metadata.Full = true // the admin client asks for the controller
	admin, err := sarama.NewClusterAdmin(b.brokers, config)
	if err != nil {
		return fmt.Errorf("cannot administer %v: %w", b.brokers, err)
	}
	defer admin.Close()
	b.topics++
	topic := fmt.Sprintf("bench.%d", b.topics)
	if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: int32(partitions), ReplicationFactor: 1}, false); err != nil {
		return fmt.Errorf("cannot create topic %q: %w", topic, err)
	}
	err = do(topic)
	if derr := admin.DeleteTopic(topic); derr != nil && err == nil {
		err = fmt.Errorf("cannot delete topic %q: %w", topic, derr)
	}
	return err
}

func (b *Bench) progress(format string, args ...any) {
	fmt.Fprintf(b.Progress, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// freePort returns an address that nobody listens at. Another process could take it before it is used;
// the server then fails to start, and says so.
func freePort() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("cannot find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// self starts a sub-command of this program.
func (b *Bench) self(name string, args ...string) (*proc.Child, error) {
	return proc.Start(b.Dir, name, true, b.Self, append([]string{name}, args...)...)
}

// writeConfig writes a configuration file into the bench's folder.
func (b *Bench) writeConfig(text string) (path string, err error) {
	f, err := os.CreateTemp(b.Dir, "ringcast.*.toml")
	if err != nil {
		return "", fmt.Errorf("cannot write a configuration: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return "", fmt.Errorf("cannot write a configuration: %w", err)
	}
	return f.Name(), nil
}
