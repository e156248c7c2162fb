//go:build !unix

package serve

import "github.com/rs/zerolog"

// raiseFileLimit: this system has no such limit.
func raiseFileLimit(zerolog.Logger) {}
