// Tokens of the API: who may read, and who may operate.

package console

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

// Role is what the holder of a token may do.
type Role uint8

// The roles.
const (
	NoRole  Role = iota
	Read         // look
	Operate      // and change
)

func (r Role) String() string { return [...]string{"none", "read", "operate"}[r] }

// token is one of a file. Only its digest is kept: a token is in no dump of the process's memory.
type token struct {
	name   string
	role   Role
	digest [sha256.Size]byte
}

// Tokens are those of a file. Nil has none.
type Tokens struct{ list []token }

// LoadTokens reads tokens from a file: a line each with a name, a role and the token. A line that
// begins with # is a comment. A file that others may read or its group may write is refused:
// whoever can read it can operate the server.
func LoadTokens(path string) (t *Tokens, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	st, err := file.Stat() // of what is read, and not of what has the name a moment later
	if err != nil {
		return nil, err
	}
	switch mode := st.Mode(); {
	case !mode.IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case mode.Perm()&0o007 != 0:
		return nil, fmt.Errorf("%s is open to everybody on this machine: chmod 600", path)
	case mode.Perm()&0o020 != 0:
		return nil, fmt.Errorf("the group of %s may write to it: chmod 640", path)
	}
	t, err = parseTokens(io.LimitReader(file, maxTokenFile))
	if err != nil {
		return nil, fmt.Errorf("%s, %w", path, err)
	}
	return t, nil
}

// parseTokens reads the lines of a file. No error repeats a token.
func parseTokens(r io.Reader) (*Tokens, error) {
	t := &Tokens{}
	lines := bufio.NewScanner(r)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		one, err := parseToken(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		for _, other := range t.list {
			switch {
			case other.name == one.name:
				return nil, fmt.Errorf("line %d: there is a token named %q already", n, one.name)
			case other.digest == one.digest:
				return nil, fmt.Errorf("line %d: %q has the token of %q", n, one.name, other.name)
			}
		}
		if t.list = append(t.list, one); len(t.list) > maxTokens {
			return nil, fmt.Errorf("line %d: there are more than %d tokens", n, maxTokens)
		}
	}
	if lines.Err() != nil {
		return nil, fmt.Errorf("line %d: it is too long", n+1)
	}
	if len(t.list) == 0 {
		return nil, errors.New("line 1: there is no token")
	}
	return t, nil
}

func parseToken(line string) (t token, err error) {
	f := strings.Fields(line)
	if len(f) != 3 {
		return t, errors.New("a line is a name, a role (read or operate) and a token")
	}
	for _, r := range []Role{Read, Operate} {
		if f[1] == r.String() {
			t.role = r
		}
	}
	printable := func(s string) bool {
		return !strings.ContainsFunc(s, func(r rune) bool {
			return r > unicode.MaxASCII ||
				!unicode.IsPrint(r)
		})
	}
	switch {
	case len(f[0]) > 64 || !printable(f[0]):
		return t, errors.New("a name has at most 64 printable ASCII characters")
	case t.role == NoRole:
		return t, fmt.Errorf("the role of %q is neither read nor operate", f[0])
	case len(f[2]) < minToken || len(f[2]) > maxToken || !printable(f[2]):
		return t, fmt.Errorf("the token of %q has to have %d to %d printable ASCII characters: "+
			"openssl rand -hex 32 makes one", f[0], minToken, maxToken)
	}
	t.name, t.digest = f[0], sha256.Sum256([]byte(f[2]))
	return t, nil
}

// Len counts the tokens.
func (t *Tokens) Len() int {
	if t == nil {
		return 0
	}
	return len(t.list)
}

// match returns the name and the role of a token, NoRole for an unknown one. It takes the same time
// whatever is wrong with it: digests are compared, and all of them.
func (t *Tokens) match(secret string) (name string, role Role) {
	if t == nil {
		return "", NoRole
	}
	digest := sha256.Sum256([]byte(secret))
	for i := range t.list {
		if subtle.ConstantTimeCompare(digest[:], t.list[i].digest[:]) == 1 {
			name, role = t.list[i].name, t.list[i].role
		}
	}
	return name, role
}
