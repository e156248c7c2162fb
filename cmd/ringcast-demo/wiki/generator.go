// Package wiki makes events that look like those of Wikimedia EventStreams, for demonstrations: many kinds, many
// languages and scripts, the sizes of the real ones. People, pages and edits are invented.
package wiki

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// Generator makes events. The same seed and times give the same events. Only one goroutine may use it at a time.
type Generator struct {
	rng     *rand.Rand
	streams []Stream
	rates   float64 // sum over streams
	sites   []site
	weights float64 // sum over sites

	lastChange   int64 // of all wikis
	lastRevision []int64
	buf          bytes.Buffer
}

// New returns a generator.
func New(seed uint64) *Generator {
	g := &Generator{rng: rand.New(rand.NewPCG(seed, 0)), streams: Streams(), sites: sites(), lastChange: 1_900_000_000}
	for _, s := range g.streams {
		g.rates += s.Rate
	}
	for _, s := range g.sites {
		g.weights += s.weight
		g.lastRevision = append(g.lastRevision, int64(50_000_000*s.weight))
	}
	return g
}

// Next returns a record for an event that happens now. The key is nil in all streams that have none. The caller owns
// the slices.
func (g *Generator) Next(now time.Time) (topic string, key, value []byte) {
	s := g.pickStream()
	prefix := Prefixes()[0]
	if g.rng.Float64() >= firstPrefixShare {
		prefix = Prefixes()[1]
	}
	c := g.newChange(s, now.UTC())

	g.buf.Reset()
	e := json.NewEncoder(&g.buf)
	e.SetEscapeHTML(false) // as the real producers do
	if err := e.Encode(s.event(g, c)); err != nil {
		panic(fmt.Sprintf("BUG: cannot encode an event of %s: %v", s.Name, err))
	}
	value = bytes.Clone(bytes.TrimSuffix(g.buf.Bytes(), []byte("\n")))
	if s.keyed {
		key = fmt.Appendf(nil, `{"wiki_id":%q,"page_id":%d}`, c.site.wiki, c.pageID)
	}
	return prefix + s.Topic, key, value
}

func (g *Generator) pickStream() *Stream {
	at := g.rng.Float64() * g.rates
	for i := range g.streams {
		if at -= g.streams[i].Rate; at < 0 {
			return &g.streams[i]
		}
	}
	return &g.streams[0] // rounding
}

func (g *Generator) pickSite() int {
	at := g.rng.Float64() * g.weights
	for i := range g.sites {
		if at -= g.sites[i].weight; at < 0 {
			return i
		}
	}
	return 0 // rounding
}

// chance reports true with the probability p.
func (g *Generator) chance(p float64) bool { return g.rng.Float64() < p }

// between returns a number from low to high, both included.
func (g *Generator) between(low, high int) int { return low + g.rng.IntN(high-low+1) }

// uuid returns a random UUID (RFC 9562 section 5.4).
func (g *Generator) uuid() string {
	high := g.rng.Uint64()&^0xf000 | 0x4000
	low := g.rng.Uint64()>>2 | 1<<63
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", high>>32, high>>16&0xffff, high&0xffff, low>>48, low&(1<<48-1))
}

// sha1 returns 160 random bits or so in base 36, the form in which MediaWiki keeps hashes.
func (g *Generator) sha1() string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	b := make([]byte, 31)
	for i := range b {
		b[i] = digits[g.rng.IntN(len(digits))]
	}
	return string(b)
}

func pick[T any](g *Generator, from []T) T { return from[g.rng.IntN(len(from))] }
