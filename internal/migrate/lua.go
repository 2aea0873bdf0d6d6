// Lua, as far as configurations have it: calls and assignments with constant values. Nothing is
// run.

package migrate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// luaToken is a name, a text, a number, or a mark.
type luaToken struct {
	text string
	kind byte // n name, s text, 0 number, or the first octet of a mark
	line int
}

// luaTokens splits a text.
func luaTokens(path, text string) (list []luaToken, err error) {
	line := 1
	name := func(c byte) bool {
		return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	}
	for i := 0; i < len(text); {
		rest := text[i:]
		end := 1
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "--[["), strings.HasPrefix(rest, "[["):
			if end = strings.Index(rest, "]]") + 2; end < 2 {
				return nil, fmt.Errorf("%s: this text has no end", place{path, line})
			}
			if c == '[' {
				list = append(list, luaToken{rest[2 : end-2], 's', line})
			}
		case strings.HasPrefix(rest, "--"):
			if end = strings.IndexByte(rest, '\n'); end < 0 {
				end = len(rest)
			}
		case c == '\'' || c == '"':
			var word strings.Builder
			for end < len(rest) && rest[end] != c && rest[end] != '\n' {
				if rest[end] == '\\' && end+1 < len(rest) {
					end++
				}
				word.WriteByte(rest[end])
				end++
			}
			if end == len(rest) || rest[end] != c {
				return nil, fmt.Errorf("%s: this text has no end", place{path, line})
			}
			end++
			list = append(list, luaToken{word.String(), 's', line})
		case c >= '0' && c <= '9':
			for end < len(rest) && (name(rest[end]) || rest[end] == '.') {
				end++
			}
			list = append(list, luaToken{rest[:end], '0', line})
		case name(c):
			for end < len(rest) && name(rest[end]) {
				end++
			}
			list = append(list, luaToken{rest[:end], 'n', line})
		case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
		default:
			list = append(list, luaToken{rest[:1], c, line})
		}
		line += strings.Count(rest[:end], "\n")
		i += end
	}
	return list, nil
}

// luaValue is a text, a number, a name, a call or a table. What cannot be read has none of these.
type luaValue struct {
	text   string
	kind   byte // s text, 0 number, n name, ( call, { table; 0: it cannot be read
	list   []luaValue
	named  map[string]luaValue
	number float64
}

// luaStatement is a call, or an assignment of a value to a name.
type luaStatement struct {
	directive
	call  luaValue
	value luaValue
	known bool // it could be read
}

// luaParser reads statements.
type luaParser struct {
	path   string
	tokens []luaToken
	vars   map[string]luaValue
	depth  int
}

// luaBlocks begin what is run, and not read here; each ends with end or until.
var luaBlocks = []string{"function", "if", "for", "while", "do", "repeat"}

func (p *luaParser) peek() luaToken {
	if len(p.tokens) == 0 {
		return luaToken{}
	}
	return p.tokens[0]
}

// take takes a mark or a word, and reports whether it was there.
func (p *luaParser) take(text string) bool {
	if t := p.peek(); t.text != text || t.kind == 's' || len(p.tokens) == 0 {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

// statements reads all statements.
func (p *luaParser) statements() (list []luaStatement) {
	for len(p.tokens) > 0 {
		if p.take(";") {
			continue
		}
		before := p.tokens
		s := luaStatement{directive: directive{at: place{p.path, before[0].line}}}
		local := p.take("local")
		if t := p.peek(); t.kind == 'n' && !slices.Contains(luaBlocks, t.text) {
			s.known = p.statement(&s)
		}
		if !s.known {
			p.tokens = before
			if local {
				p.take("local")
			}
			p.skip()
		}
		s.describe(before[:len(before)-len(p.tokens)])
		list = append(list, s)
	}
	return list
}

// describe names a statement by its own words.
func (s *luaStatement) describe(tokens []luaToken) {
	var out strings.Builder
	last := byte(0)
	for _, t := range tokens {
		if out.Len() > 400 {
			break
		}
		word := t.kind == 'n' || t.kind == '0'
		if word && (last == 'n' || last == '0' || last == ')') {
			out.WriteByte(' ')
		}
		if last = t.kind; t.kind == 's' {
			t.text = "'" + t.text + "'"
		}
		if out.WriteString(t.text); t.kind == ',' {
			out.WriteByte(' ')
		}
	}
	s.name = out.String()
}

// statement reads a call or an assignment, and reports whether it was one.
func (p *luaParser) statement(s *luaStatement) bool {
	v := p.primary()
	if p.take("=") {
		if v.kind != 'n' {
			return false
		}
		s.value = p.expression()
		s.call = luaValue{kind: 'n', text: v.text}
		if s.value.kind == 0 {
			return false
		}
		if _, ok := p.vars[v.text]; ok { // which of the values holds is not known
			p.vars[v.text] = luaValue{}
		} else {
			p.vars[v.text] = s.value
		}
		return true
	}
	s.call = v
	return v.kind == '('
}

// skip passes over a statement that cannot be read: a block to its end, or what follows in the same
// line and within brackets.
func (p *luaParser) skip() {
	blocks, brackets, line := 0, 0, p.peek().line
	for first := true; len(p.tokens) > 0; first = false {
		t := p.tokens[0]
		if !first && blocks <= 0 && brackets <= 0 && t.line != line {
			return
		}
		p.tokens = p.tokens[1:]
		line = t.line
		switch {
		case t.kind == 's':
		case t.kind == 'n' && (t.text == "function" || t.text == "if" || t.text == "do" ||
			t.text == "repeat"): // for and while have a do
			blocks++
		case t.kind == 'n' && (t.text == "end" || t.text == "until"):
			blocks--
		case strings.Contains("({[", t.text):
			brackets++
		case strings.Contains(")}]", t.text):
			brackets--
		}
	}
}

// expression reads a value: a product, and no other operation, can be read.
func (p *luaParser) expression() luaValue {
	if p.depth == maxNesting {
		return luaValue{}
	}
	p.depth++
	defer func() { p.depth-- }()
	v := p.primary()
	for p.peek().kind == '*' {
		p.take("*")
		o := p.primary()
		if v.kind != '0' || o.kind != '0' {
			return luaValue{}
		}
		v.number *= o.number
		v.text = strconv.FormatFloat(v.number, 'f', 0, 64)
	}
	if k := p.peek().kind; k != 0 && strings.IndexByte("+-/.%^<>~=", k) >= 0 {
		return luaValue{}
	}
	return v
}

// luaUnits are names of numbers.
var luaUnits = map[string]float64{"kB": 1 << 10, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30,
	"sec": 1000, "second": 1000, "minute": 60000, "min": 60000, "hour": 3600000, "day": 86400000}

// primary reads a value without operations.
func (p *luaParser) primary() luaValue {
	t := p.peek()
	switch t.kind {
	case 's':
		p.tokens = p.tokens[1:]
		return luaValue{kind: 's', text: t.text}
	case '0':
		p.tokens = p.tokens[1:]
		n, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return luaValue{}
		}
		return luaValue{kind: '0', text: t.text, number: n}
	case '{':
		return p.table()
	case 'n':
		if slices.Contains(luaBlocks, t.text) {
			return luaValue{}
		}
		return p.name()
	}
	return luaValue{}
}

// name reads a name with its parts, or a call: its text is the name with dots.
func (p *luaParser) name() luaValue {
	v := luaValue{kind: 'n', text: p.peek().text}
	p.tokens = p.tokens[1:]
	for {
		switch t := p.peek(); t.kind {
		case '.', ':':
			p.tokens = p.tokens[1:]
			if v.kind != 'n' || p.peek().kind != 'n' {
				return luaValue{}
			}
			v.text += "." + p.peek().text
			p.tokens = p.tokens[1:]
		case '[':
			p.tokens = p.tokens[1:]
			key := p.expression()
			if !p.take("]") || key.kind != 's' || v.kind != 'n' {
				return luaValue{}
			}
			v.text += "[]" + key.text
		case '(':
			p.tokens = p.tokens[1:]
			if v.kind != 'n' {
				return luaValue{}
			}
			v.kind = '('
			for !p.take(")") {
				a := p.expression()
				if a.kind == 0 || len(p.tokens) == 0 {
					return luaValue{}
				}
				v.list = append(v.list, a)
				if !p.take(",") && p.peek().kind != ')' {
					return luaValue{}
				}
			}
		case 's', '{': // f'text' and f{table}
			if v.kind != 'n' {
				return v
			}
			v.kind = '('
			v.list = []luaValue{p.primary()}
		default:
			if v.kind == 'n' {
				if n, ok := luaUnits[v.text]; ok {
					return luaValue{kind: '0', number: n, text: strconv.Itoa(int(n))}
				}
			}
			return v
		}
	}
}

// table reads a table.
func (p *luaParser) table() luaValue {
	if p.depth == maxNesting {
		return luaValue{}
	}
	p.depth++
	defer func() { p.depth-- }()
	p.take("{")
	v := luaValue{kind: '{', named: map[string]luaValue{}}
	for !p.take("}") {
		if len(p.tokens) == 0 {
			return luaValue{}
		}
		key, named := "", false
		switch {
		case p.peek().kind == '[':
			p.take("[")
			k := p.expression()
			if !p.take("]") || !p.take("=") {
				return luaValue{}
			}
			key, named = k.text, true
		case len(p.tokens) > 1 && p.peek().kind == 'n' && p.tokens[1].kind == '=':
			key, named = p.peek().text, true
			p.tokens = p.tokens[2:]
		}
		o := p.expression()
		if o.kind == 0 {
			return luaValue{}
		}
		if named {
			v.named[key] = o
		} else {
			v.list = append(v.list, o)
		}
		if !p.take(",") && !p.take(";") && p.peek().kind != '}' {
			return luaValue{}
		}
	}
	return v
}

// texts are the texts of a value: its own, or those of a list.
func (v luaValue) texts() (list []string) {
	switch v.kind {
	case 's', '0':
		return []string{v.text}
	case '{':
		for _, o := range v.list {
			list = append(list, o.texts()...)
		}
	}
	return list
}

// arg returns an argument of a call.
func (v luaValue) arg(i int) luaValue {
	if i < len(v.list) {
		return v.list[i]
	}
	return luaValue{}
}
