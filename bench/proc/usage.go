//go:build linux

package proc

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticksPerSecond is USER_HZ: what the kernel reports to user space, on every architecture that Go supports.
const ticksPerSecond = 100

// CPUSeconds returns the processor time of a process, user and system, in seconds. Its resolution is 10 ms.
func CPUSeconds(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("cannot read the processor time: %w", err)
	}
	// proc(5): the second field is the name in parentheses and may hold anything; utime is field 14.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("cannot read the processor time of %d: %q", pid, stat)
	}
	var ticks uint64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("cannot read the processor time of %d: %w", pid, err)
		}
		ticks += n
	}
	return float64(ticks) / ticksPerSecond, nil
}

// MachineSeconds returns the processor time that all processes of the machine have used, in seconds.
func MachineSeconds() (float64, error) {
	line, err := field("/proc/stat", "cpu ")
	if err != nil {
		return 0, err
	}
	var busy uint64
	// proc(5): user nice system idle iowait irq softirq steal guest …; guest is in user already.
	for i, f := range strings.Fields(line) {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("cannot read the machine's processor time: %w", err)
		}
		if i < 3 || i == 5 || i == 6 {
			busy += n
		}
	}
	return float64(busy) / ticksPerSecond, nil
}

// Resident returns the resident memory of a process in bytes.
func Resident(pid int) (uint64, error) {
	// The roll-up is exact, VmRSS is batched per thread by the kernel.
	if n, err := kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Rss:"); err == nil {
		return n, nil
	}
	return kilobytes(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
}

// SocketMemory returns the memory that the kernel has given to the buffers of all TCP sockets, in bytes.
func SocketMemory() (uint64, error) {
	// sockstat: "TCP: inuse N orphan N tw N alloc N mem PAGES"
	line, err := field("/proc/net/sockstat", "TCP:")
	if err != nil {
		return 0, err
	}
	_, pages, _ := strings.Cut(line, "mem ")
	n, err := strconv.ParseUint(pages, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cannot read the memory of sockets from %q: %w", line, err)
	}
	return n * uint64(os.Getpagesize()), nil
}

// Proportional returns the resident memory of a process in bytes, with what it shares with others counted in parts.
func Proportional(pid int) (uint64, error) {
	return kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
}

// Children returns the processes that the first thread of a process has started and that are not gone.
func Children(pid int) (pids []int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil, fmt.Errorf("cannot list the children of a process: %w", err)
	}
	for _, f := range strings.Fields(string(text)) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return nil, fmt.Errorf("cannot list the children of a process: %q", text)
		}
		pids = append(pids, n)
	}
	return pids, nil
}

// Threads returns the number of threads of a process.
func Threads(pid int) (int, error) {
	v, err := field(fmt.Sprintf("/proc/%d/status", pid), "Threads:")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(v)
}

// Descriptors returns the number of open file descriptors of a process.
func Descriptors(pid int) (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0, fmt.Errorf("cannot count descriptors: %w", err)
	}
	return len(entries), nil
}

// Sockets returns how many of a process's descriptors are sockets, dead ones among them: the tables of the kernel do not
// list a connection that was reset and is not closed yet.
func Sockets(pid int) (int, error) {
	own, err := sockets(pid)
	return len(own), err
}

// sockets returns the inodes of a process's sockets.
func sockets(pid int) (own map[string]bool, err error) {
	own = map[string]bool{}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list descriptors: %w", err)
	}
	for _, e := range entries {
		// A descriptor may be closed meanwhile.
		if target, err := os.Readlink(dir + "/" + e.Name()); err == nil && strings.HasPrefix(target, "socket:[") {
			own[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
		}
	}
	return own, nil
}

// ConnectionsTo returns how many TCP connections a process holds to a port of any host.
func ConnectionsTo(pid, port int) (int, error) {
	own, err := sockets(pid)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if os.IsNotExist(err) {
			continue // no IPv6
		}
		if err != nil {
			return 0, fmt.Errorf("cannot list connections: %w", err)
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			// sl local remote state queues timer retransmits uid timeout inode; 01 is ESTABLISHED
			c := strings.Fields(lines.Text())
			if len(c) > 9 && c[3] == "01" && strings.HasSuffix(c[2], fmt.Sprintf(":%04X", port)) && own[c[9]] {
				n++
			}
		}
		f.Close()
		if err := lines.Err(); err != nil {
			return 0, fmt.Errorf("cannot list connections: %w", err)
		}
	}
	return n, nil
}

func kilobytes(file, name string) (uint64, error) {
	v, err := field(file, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(v, " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cannot read %s of %s: %w", name, file, err)
	}
	return n << 10, nil
}

// field returns the rest of the line that begins with name.
func field(file, name string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read %s: %w", name, err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(v), nil
		}
	}
	return "", fmt.Errorf("cannot find %s in %s", name, file)
}
