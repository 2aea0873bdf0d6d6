// Package secrets reads files of secrets that servers share.
package secrets

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// Read reads a secret of so many octets from each line of a file, in hexadecimal digits; what
// follows a # is a comment.
func Read(path string, octets int) (list [][]byte, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		b, err := hex.DecodeString(line)
		if err != nil || len(b) != octets {
			return nil, fmt.Errorf("%s, line %d: a secret has %d hexadecimal digits", path, n,
				2*octets)
		}
		list = append(list, b)
	}
	return list, nil
}

// Exposed reports whether everybody on this machine can read a file; false if there is none.
func Exposed(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().Perm()&0o004 != 0
}

// Line reads the one secret of a file that is a text, such as a password: the line that is not
// empty and does not begin with a #, as comments do. An error does not quote it.
func Line(path string) (secret string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimRight(line, "\r\n"); line == "" || line[0] == '#' {
			continue
		}
		if secret != "" {
			return "", fmt.Errorf("%s, line %d: there is a secret in a line before", path, n)
		}
		secret = line
	}
	if secret == "" {
		return "", fmt.Errorf("%s has no secret: lines that begin with # are comments", path)
	}
	return secret, nil
}
