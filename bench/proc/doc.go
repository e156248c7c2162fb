// Package proc starts the processes of a benchmark and reads from /proc what they cost.
package proc
