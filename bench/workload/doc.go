// Package workload is the layout of the records that benchmarks send: JSON values of a chosen size with
// the partition, a counter and the time of production at fixed places, so that a receiver can check and
// time every one of them without a JSON parser.
package workload
