// Package peers holds what people put between Kafka and browsers today, to be measured beside ringcast: a naive server
// in Go, Nchan with what feeds it, and KafkaSSE. scripts/peers/install fetches the last two.
package peers
