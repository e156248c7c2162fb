// Package blackbox holds the tests of the command from outside: the built binary,
// on an embedded or a real Kafka, with many clients that are cut, and bench/ledger
// as the judge. Files are named by what they are about; kafka_ (a real Kafka),
// faults_ and soak_ (see `make test-faults`, `make soak`), browser_, proxies_ and
// tail_ belong together, and each of these has a target in the Makefile.
package blackbox
