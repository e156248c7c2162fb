package conf

import "strings"

// FileError is a file of the configuration that does not hold what it should.
type FileError struct {
	Key     string // that names the file, dotted
	Message string // what is wrong, what is allowed
}

// Error makes a FileError what a reload returns.
func (e FileError) Error() string { return e.Key + ": " + e.Message }

// verified is the step that reports what verify finds. It looks into files that
// the keys themselves were good for.
func verified(verify []func(*Config) []FileError) func(*loader) {
	return func(l *loader) {
		for _, find := range verify {
			for _, e := range find(l.cfg) {
				if key := strings.Split(e.Key, "."); l.good(key) {
					l.at(key...).fail(e.Message)
				}
			}
		}
	}
}
