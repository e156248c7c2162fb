// Package run holds the scenarios: which servers are started, what is produced, what is measured.
package run
