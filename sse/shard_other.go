//go:build !linux

package sse

import (
	"time"

	"github.com/ringcast/ringcast/ringbuf"
)

// shard needs epoll. Elsewhere every connection is a follower.
type shard struct{}

func (s *Server) startShards() []*shard { return nil }

func (s *Server) stopShards() {}

func (s *Server) toShard(*conn, *subscription) bool { return false }

func (s *Server) promote(*conn, *view, lane, *ringbuf.Entry, time.Time, uint32) bool { return false }

func (s *Server) hasShardFor(*conn) bool { return false }

func (f *follower) tryWrite([]byte) int { return 0 }

func (c *conn) holdLittle() {}

// unread needs the kernel's word.
type unread struct{}

func (f *follower) stuck(time.Time) bool { return false }

// inputs needs epoll. Elsewhere every follower has a goroutine that reads.
type inputs struct{}

func (s *Server) startInputs() *inputs { return nil }

func (in *inputs) add(*follower) bool { return false }

func (in *inputs) remove(*follower) {}

// shardClients counts the clients of shards by what they are doing.
func (s *Server) shardClients() (serving, waiting int64) { return 0, 0 }

func (s *Server) shardLag() int64 { return 0 }

// alive reports whether the shards turn; without shards there is nothing to stick.
func (s *Server) alive(time.Duration) bool { return true }
