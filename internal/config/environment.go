// Values from the environment.

package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"bailiwick/internal/aside"
)

// expand puts values of the environment into those of a file: ${NAME} is the variable's value, and
// ${NAME:-other} another text where it is not set, or empty. $${ stands for ${ itself. A variable
// stands within one value: whatever it holds, it makes no other keys.
func (p *reader) expand(n ast.Node) {
	switch s := n.(type) {
	case *ast.SequenceNode:
		for i, v := range s.Values {
			if i&0xff == 0xff {
				aside.Yield()
			}
			p.expand(v)
		}
	case *ast.LiteralNode:
		p.expand(s.Value)
	case *ast.StringNode:
		text, err := expanded(s.Value, os.LookupEnv)
		if err != nil {
			p.find(n, "%v", err)
		}
		s.Value = text
	default:
		values, _ := mapping(n)
		for _, v := range values {
			p.expand(v.Value)
		}
	}
}

// expanded returns a text with the variables of an environment in it.
func expanded(s string, environment func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		if !found {
			b.WriteString(s)
			return b.String(), nil
		}
		if literal, ok := strings.CutSuffix(before, "$"); ok {
			b.WriteString(literal + "${")
			s = rest
			continue
		}
		inside, after, ended := strings.Cut(rest, "}")
		if !ended {
			return "", fmt.Errorf("%q: a } is missing; ${ itself is written as $${", s)
		}
		name, other, optional := strings.Cut(inside, ":-")
		if !isVariable(name) {
			return "", fmt.Errorf("%q is not a name of a variable; ${ itself is written as $${",
				name)
		}
		text, set := environment(name)
		switch {
		case optional && text == "":
			text = other
		case !set:
			return "", fmt.Errorf("the environment has no variable %s; ${%s:-text} has a text in "+
				"its place", name, name)
		}
		b.WriteString(before + text)
		s = after
	}
}

// isVariable reports whether a text can name a variable: letters, digits and _, and no digit first.
func isVariable(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
