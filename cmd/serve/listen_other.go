//go:build !linux

package serve

import "net"

// inheriting sets keep-alive on each connection.
func inheriting() *net.ListenConfig {
	return &net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: keepAliveAfter, Interval: keepAliveEvery, Count: keepAliveCount,
	}}
}
