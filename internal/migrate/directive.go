// Directives: options with their values, as they stand in a file.

package migrate

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// directive is an option with its values.
type directive struct {
	name string
	args []string
	at   place
}

// secretNames are parts of the names of options whose values are secret.
var secretNames = []string{"secret", "password", "api-key", "api_key"}

// String writes it as in the file, without what is secret and without what is too long to read.
func (d *directive) String() string {
	for _, s := range secretNames {
		if strings.Contains(strings.ToLower(d.name), s) {
			name, _, _ := strings.Cut(d.name, "(") // a call of Lua has its values in its name
			return name + " …"
		}
	}
	text := strings.Join(append([]string{d.name}, d.args...), " ")
	if r := []rune(text); len(r) > 100 {
		text = string(r[:100]) + "…"
	}
	return text
}

// arg returns a value, "" if it is not there.
func (d *directive) arg(i int) string {
	if i < len(d.args) {
		return d.args[i]
	}
	return ""
}

// defaultOf is what a program has without a line.
func defaultOf(name string, args ...string) *directive {
	return &directive{name: name, args: args}
}

// words splits a line at white space. A word that begins with a quotation mark ends with the next;
// a # or what begins a comment begins one at the beginning of a word.
func words(line string) (list []string) {
	for {
		line = strings.TrimLeft(line, " \t\r\f\v")
		if line == "" || line[0] == '#' {
			return list
		}
		if quote := line[0]; quote == '"' || quote == '\'' {
			text, rest, _ := strings.Cut(line[1:], string(quote))
			list, line = append(list, text), rest
			continue
		}
		end := strings.IndexAny(line, " \t\r\f\v")
		if end < 0 {
			end = len(line)
		}
		list, line = append(list, line[:end]), line[end:]
	}
}

// size reads a number of octets: 64m is 64 MiB.
func size(s string) (int64, error) {
	s = strings.TrimSuffix(strings.ToLower(s), "b")
	unit := int64(1)
	for suffix, n := range map[string]int64{"k": 1 << 10, "m": 1 << 20, "g": 1 << 30} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = rest, n
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit/4 {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	return n * unit, nil
}

// seconds reads a whole number of seconds.
func seconds(s string) (string, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return "", fmt.Errorf("%q is not a number of seconds", s)
	}
	return strconv.FormatUint(n, 10) + "s", nil
}

// network reads a network, or an address as one.
func network(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network", s)
	}
	return netip.PrefixFrom(a.WithZone(""), a.BitLen()), nil
}
