package console

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The control socket is nobody else's in the time between its creation and its own mode, whatever
// umask the process was started with (NetworkConfiguration/dhcpcd 705: a socket was made first and
// had its mode and its group after that).
func TestControlSocketIsPrivateFromTheFirstMoment(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "ctl")
	l, err := listenPrivately(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket begins as %v, %v", st.Mode(), err)
	}
}
