//go:build !unix

package ledger

import (
	"errors"
	"syscall"
)

func setReceiveBuffer(syscall.RawConn, int) error { return errors.ErrUnsupported }
