// Options with one value, as all programs have them.

package migrate

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"bailiwick/internal/pattern"
)

// conversion is what an option with one value becomes.
type conversion struct {
	key  string
	form form
}

// form is how a value is written.
type form uint8

const (
	formBool    form = iota // yes, no
	formSeconds             // a number of seconds
	formMillis              // a number of milliseconds
	formNumber
	formText
	formTexts // an entry of a list
	formPath
	formPeriod // 1h30m, PT90M, or a number of seconds
	formSize
)

// convert writes a value in a form of ours.
func (f form) convert(s string, path func(string) string) (string, bool) {
	switch f {
	case formBool:
		switch strings.ToLower(s) {
		case "yes", "true", "on", "1":
			return "true", true
		case "no", "false", "off", "0":
			return "false", true
		}
		return "", false
	case formSeconds:
		text, err := seconds(s)
		return text, err == nil
	case formMillis:
		n, err := strconv.ParseUint(s, 10, 31)
		return strconv.FormatUint(n, 10) + "ms", err == nil
	case formNumber:
		n, err := strconv.ParseUint(s, 10, 31)
		return strconv.FormatUint(n, 10), err == nil
	case formPeriod:
		text, err := period(s)
		return text, err == nil
	case formSize:
		n, err := size(s)
		return quote(strconv.FormatInt(max(1, n>>20), 10) + "MiB"), err == nil && n > 0
	case formPath:
		return quote(path(s)), s != ""
	}
	return quote(s), true
}

// one converts an option with one value.
func (b *builder) one(d *directive, c conversion, path func(string) string) {
	text, ok := c.form.convert(d.arg(0), path)
	switch {
	case !ok:
		b.lose(d, "its value cannot be read; nearest: %s", c.key)
	case c.form == formTexts:
		b.add(c.key, text, d)
	default:
		b.set(c.key, text, d)
	}
}

// options are those of a program that stand alone, by name: what they become, why they need
// nothing here, or what is nearest to those that are lost.
type options struct {
	known    map[string]conversion
	needless map[string]string
	lost     map[string]string
	// alike and unlike are further ones that are needless and lost.
	alike, unlike reasons
}

// convert converts an option.
func (o *options) convert(b *builder, d *directive, path func(string) string) {
	if c, ok := o.known[d.name]; ok {
		b.one(d, c, path)
		return
	}
	needless := cmp.Or(o.needless[d.name], o.alike.of(d.name))
	lost := cmp.Or(o.lost[d.name], o.unlike.of(d.name))
	switch {
	case needless != "":
		b.leave(d, "%s", needless)
	case lost != "":
		b.lose(d, "%s", lost)
	default:
		b.lose(d, "this option is not known to the conversion")
	}
}

var (
	periodPart = pattern.New(`(?i)^(\d+)([smhdw]?)`)
	periodISO  = pattern.New(`^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?` +
		`(?:(\d+)S)?)?$`)
)

// period reads a time such as 1h30m, PT90M or 5400, and returns it in seconds.
func period(s string) (string, error) {
	wrong := fmt.Errorf("%q is not a time", s)
	units := map[string]uint64{"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
	total := uint64(0)
	put := func(number, unit string) bool {
		if number == "" {
			return true
		}
		n, err := strconv.ParseUint(number, 10, 31)
		total += n * units[unit]
		return err == nil && total < 1<<31
	}
	if m := periodISO.Get().FindStringSubmatch(s); m != nil && len(s) > 1 {
		for i, unit := range []string{"w", "d", "h", "m", "s"} {
			if !put(m[i+1], unit) {
				return "", wrong
			}
		}
		return strconv.FormatUint(total, 10) + "s", nil
	}
	for rest := s; ; {
		m := periodPart.Get().FindStringSubmatch(rest)
		if m == nil || !put(m[1], strings.ToLower(m[2])) {
			return "", wrong
		}
		if rest = rest[len(m[0]):]; rest == "" {
			return strconv.FormatUint(total, 10) + "s", nil
		}
	}
}
