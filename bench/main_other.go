//go:build !linux

// Command bench measures ringcast. It needs Linux: epoll, /proc.
package main

func main() { panic("bench needs Linux") }
