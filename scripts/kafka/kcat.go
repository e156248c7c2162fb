package kafka

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/IBM/sarama"
)

// KcatProduce writes lines with kcat (librdkafka), a client independent of ours: one record each, acks=all, in order.
// It is an error if kcat is not installed.
func KcatProduce(ctx context.Context, addr, topic string, partition int32, lines []string) error {
	for i, l := range lines {
		if l == "" || strings.Contains(l, "\n") {
			return fmt.Errorf("cannot produce line %d with kcat: it is empty or has a line break", i)
		}
	}
	_, err := kcat(ctx, strings.Join(lines, "\n"), "-P", "-b", addr, "-t", topic, "-p", strconv.Itoa(int(partition)),
		"-X", "acks=all", "-X", "enable.idempotence=true")
	return err
}

// KcatConsume reads a partition with kcat from an offset (sarama.OffsetOldest: the first retained) to its end, one line a
// record as `format` says (kcat -f; `%o %s\n` is offset and value).
func KcatConsume(ctx context.Context, addr, topic string, partition int32, from int64, format string) ([]string, error) {
	start := strconv.FormatInt(from, 10)
	if from == sarama.OffsetOldest {
		start = "beginning" // kcat takes negative numbers for a distance from the end
	}
	out, err := kcat(ctx, "", "-C", "-e", "-q", "-b", addr, "-t", topic, "-p", strconv.Itoa(int(partition)),
		"-o", start, "-f", format)
	if err != nil || out == "" {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n"), nil
}

func kcat(ctx context.Context, input string, args ...string) (string, error) {
	path, err := exec.LookPath("kcat")
	if err != nil {
		return "", fmt.Errorf("cannot run kcat (Debian: apt-get install kcat): %w", err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(input)
	var messages strings.Builder
	cmd.Stderr = &messages
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot run kcat %s: %w: %s", args[0], err, tail([]byte(messages.String()), 500))
	}
	return string(out), nil
}
