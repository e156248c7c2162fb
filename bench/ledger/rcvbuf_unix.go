//go:build unix

package ledger

import "syscall"

// setReceiveBuffer must come before connect: the window that is offered in the handshake depends on it.
func setReceiveBuffer(raw syscall.RawConn, size int) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, size)
	})
	if err != nil {
		return err
	}
	return failed
}
