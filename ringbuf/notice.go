package ringbuf

// Notice tells a reader that records of one partition were jumped, or that its
// offsets start anew.
type Notice struct {
	Topic     string
	Partition int32
	Asked     int64 // the offset that was next
	Given     int64 // the offset that is next now, -1 when there is none
	Reason    string
}
