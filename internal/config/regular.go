// Reading files that others name.

package config

import (
	"fmt"
	"io"
	"os"
)

// ReadRegular reads a file of at most so many octets, and no device or pipe: a pattern may find
// such. A larger file, or one that grows beyond that while it is read, comes to the error tooLarge.
func ReadRegular(name string, most int64, tooLarge error) ([]byte, error) {
	about, err := os.Stat(name) // before it is opened: opening a pipe may wait for ever
	switch {
	case err != nil:
		return nil, err
	case !about.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", name)
	case about.Size() > most:
		return nil, tooLarge
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		return nil, tooLarge
	}
	return b, err
}
