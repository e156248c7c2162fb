package broker

import (
	"crypto/sha256"
	"encoding/base64"
)

// unknownTag is the tag of a topic that does not exist yet, or whose id the
// brokers do not tell (before Kafka 2.8). It matches any topic id.
const unknownTag = "-"

// ClusterTag is the first part of an epoch: six characters for a Kafka cluster id.
func ClusterTag(clusterID string) string { return tag([]byte(clusterID)) }

// TopicTag is the second part of an epoch: six characters for a topic id, "-"
// for the id of which all bytes are zero.
func TopicTag(id [16]byte) string {
	if id == ([16]byte{}) {
		return unknownTag
	}
	return tag(id[:])
}

// EpochTag names what the offsets of a topic count in: "CLUSTER.TOPIC".
func EpochTag(clusterID string, id [16]byte) string {
	return ClusterTag(clusterID) + "." + TopicTag(id)
}

func tag(id []byte) string {
	sum := sha256.Sum256(id)
	return base64.RawURLEncoding.EncodeToString(sum[:])[:6]
}
