package sse

import (
	"math"
	"strings"

	"github.com/ringcast/ringcast/sse/position"
)

// epochMatch compares the epoch of an id's entry with this instance's.
type epochMatch int

const (
	notNamed     epochMatch = iota
	otherCluster            // offsets mean nothing here
	otherTopic              // same cluster, topic re-created
	sameEpoch
)

func match(id, here string) epochMatch {
	idCluster, idTopic, _ := strings.Cut(id, ".")
	cluster, topic, _ := strings.Cut(here, ".")
	switch {
	case id == "" || here == "":
		return sameEpoch // made elsewhere: the offset is all there is
	case idCluster != cluster && idCluster != "-" && cluster != "-":
		return otherCluster
	case idTopic != topic && idTopic != "-" && topic != "-":
		return otherTopic
	}
	return sameEpoch
}

// nameless reports whether an epoch has no topic tag: the topic did not exist,
// or Kafka knows no topic ids.
func nameless(epoch string) bool { return strings.HasSuffix(epoch, ".-") }

// unfound reports whether an entry is of a topic that the id's maker had and this
// instance has not found. It may be gone, or another may come under its name,
// for which the offset means nothing.
func (c *completion) unfound(i int, e *position.Entry) bool {
	_, here, _ := strings.Cut(c.want.keys[i].Epoch, ".")
	_, there, _ := strings.Cut(e.Epoch, ".")
	return c.ours && here == "-" && there != "-" && c.live.Pos[i].Next == 0 && !(e.HasOffset && e.Offset == 0) &&
		match(e.Epoch, c.want.keys[i].Epoch) == sameEpoch
}

// newest makes sure that this instance knows the newest life of a topic of which
// an id names another: that may be the one after, known to the instance where
// the client was. Streams have taken in the answer when LookUp returns.
func (c *completion) newest(topic string) (exists bool, err error) {
	if c.own {
		return true, nil
	}
	if exists, asked := c.asked[topic]; asked {
		return exists, nil
	}
	if c.ctx == nil {
		return false, errNeedsKafka
	}
	if _, exists, err = c.view.Source.LookUp(c.ctx, topic); err != nil {
		return false, errNeedsKafka
	}
	if !sameKeys(c.view.Ring.Newest().Keys(), c.want.keys) {
		return false, errAgain
	}
	c.asked[topic] = exists
	return exists, nil
}

// unfound is the record time waited for where the topic itself is.
const unfound = math.MaxInt64
