// Package load is the load generator: thousands of Server-Sent-Events clients in one process, on raw
// non-blocking sockets and epoll, with one goroutine for each worker and none for a client, but for those with TLS. Every client
// checks every record that it gets.
package load
