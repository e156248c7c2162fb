package raw

// TP names a partition of a topic.
type TP struct {
	Topic     string
	Partition int32
}

// Cluster is one broker's answer to a metadata request.
type Cluster struct {
	ID      string           // "" where the broker does not tell
	Brokers map[int32]string // address (host:port) by broker id
	Topics  map[string]Topic // one for every topic asked for
}

// Topic is what a broker knows of a topic. A lagging broker may still tell the id of a topic that was deleted and
// created again.
type Topic struct {
	ID         [16]byte // all zero where the topic or its id is not known (brokers before Kafka 2.8)
	Err        error    // nil, a *DeniedError or a sarama.KError, such as sarama.ErrUnknownTopicOrPartition
	Partitions []Partition
}

// Partition is what a broker knows of a partition. A topic's are sorted by ID.
type Partition struct {
	ID          int32
	Leader      int32 // broker id, -1: none
	LeaderEpoch int32 // -1: not told
	Err         error // nil or a sarama.KError, such as sarama.ErrLeaderNotAvailable
}
