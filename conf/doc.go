// Package conf turns the configuration file (TOML) or the flags of ringcast
// into one validated, frozen [Config].
//
// A file is read in two steps: every key is read and checked by itself
// (schema.go names them all, value.go and the files beside it read them), then
// the values are checked against each other and against the machine
// (streams.go, rings.go, limits.go, memory.go). All errors of a file are
// reported in one run, each with its line.
package conf
