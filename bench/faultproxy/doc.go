// Package faultproxy is a TCP proxy on loopback that does to its connections
// what networks do: it delays, slows down, resets, swallows, forgets and refuses.
// What it does can change at any time and holds for the connections that are
// open too.
package faultproxy
