// The form of BIND's named.conf: statements with words and blocks.

package migrate

import (
	"fmt"
	"strings"
)

// statement is a statement with its words before the first block, the block's own statements, and
// the words after it.
type statement struct {
	directive
	body   []*statement
	block  bool
	after  []string
	second []*statement // of further blocks
}

// all returns the statements of a block with a name.
func (s *statement) all(name string) (list []*statement) {
	for _, o := range s.body {
		if o.name == name {
			list = append(list, o)
		}
	}
	return list
}

// last returns the statement that holds of those with a name, nil if there is none.
func (s *statement) last(name string) *statement {
	if all := s.all(name); len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// text returns the first word of such a statement.
func (s *statement) text(name, otherwise string) string {
	if o := s.last(name); o != nil {
		return o.arg(0)
	}
	return otherwise
}

// word returns the word that follows another one, as the number after port.
func (s *statement) word(name string) string {
	for i, w := range s.args {
		if w == name && i+1 < len(s.args) {
			return s.args[i+1]
		}
	}
	return ""
}

// bindToken is a word, a text in quotation marks, or one of { } ;.
type bindToken struct {
	text   string
	quoted bool
	line   int
}

func (t bindToken) is(mark string) bool { return !t.quoted && t.text == mark }

// bindTokens splits a file. Comments are those of C, C++ and the shell.
func bindTokens(path, text string) (list []bindToken, err error) {
	line := 1
	for i := 0; i < len(text); {
		rest := text[i:]
		end := 1
		switch c := rest[0]; {
		case c == '#' || strings.HasPrefix(rest, "//"):
			if end = strings.IndexByte(rest, '\n'); end < 0 {
				end = len(rest)
			}
		case strings.HasPrefix(rest, "/*"):
			if end = strings.Index(rest[2:], "*/") + 4; end < 4 {
				return nil, fmt.Errorf("%s: this comment has no end", place{path, line})
			}
		case strings.IndexByte(" \t\r\n\f\v", c) >= 0:
		case strings.IndexByte("{};", c) >= 0:
			list = append(list, bindToken{string(c), false, line})
		case c == '"':
			var word strings.Builder
			for end < len(rest) && rest[end] != '"' {
				if rest[end] == '\\' && end+1 < len(rest) {
					end++
				}
				word.WriteByte(rest[end])
				end++
			}
			if end == len(rest) {
				return nil, fmt.Errorf("%s: this text has no end", place{path, line})
			}
			end++
			list = append(list, bindToken{word.String(), true, line})
		default:
			if end = strings.IndexAny(rest, " \t\r\n\f\v{};\""); end < 0 {
				end = len(rest)
			}
			list = append(list, bindToken{rest[:end], false, line})
		}
		line += strings.Count(rest[:end], "\n")
		i += end
	}
	return list, nil
}

// bindParser reads the statements of a file.
type bindParser struct {
	path   string
	tokens []bindToken
	files  *files
}

// statements reads those up to the end of a block, or of the file.
func (p *bindParser) statements(depth int) (list []*statement, err error) {
	for len(p.tokens) > 0 && !p.tokens[0].is("}") {
		if p.tokens[0].is(";") {
			p.tokens = p.tokens[1:]
			continue
		}
		s, err := p.statement(depth)
		if err != nil {
			return nil, err
		}
		if s.name != "include" || s.block {
			list = append(list, s)
			continue
		}
		names, err := matching(s.arg(0), p.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.at, err)
		}
		for _, name := range names {
			more, err := readBIND(p.files, name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.at, err)
			}
			list = append(list, more...)
		}
	}
	return list, nil
}

// statement reads one, with the semicolon that ends it.
func (p *bindParser) statement(depth int) (*statement, error) {
	s := &statement{directive: directive{at: place{p.path, p.tokens[0].line}}}
	if depth == maxNesting {
		return nil, fmt.Errorf("%s: more than %d blocks in each other", s.at, maxNesting)
	}
	for first := true; len(p.tokens) > 0; first = false {
		t := p.tokens[0]
		if t.is("}") { // the last statement of a block may lack its semicolon
			return s, nil
		}
		p.tokens = p.tokens[1:]
		switch {
		case t.is(";"):
			return s, nil
		case t.is("{"):
			body, err := p.statements(depth + 1)
			if err != nil {
				return nil, err
			}
			if len(p.tokens) == 0 {
				return nil, fmt.Errorf("%s: this block has no end", s.at)
			}
			p.tokens = p.tokens[1:]
			if s.block {
				s.second = append(s.second, body...)
			} else {
				s.body, s.block = body, true
			}
		case s.block:
			s.after = append(s.after, t.text)
		case first:
			s.name = t.text
		default:
			s.args = append(s.args, t.text)
		}
	}
	return nil, fmt.Errorf("%s: this statement has no end", s.at)
}

// readBIND reads a file and those that it includes.
func readBIND(f *files, path string) (list []*statement, err error) {
	err = f.read(path, func(path, text string) error {
		tokens, err := bindTokens(path, text)
		if err != nil {
			return err
		}
		p := &bindParser{path, tokens, f}
		if list, err = p.statements(0); err == nil && len(p.tokens) > 0 {
			err = fmt.Errorf("%s: this } ends nothing", place{path, p.tokens[0].line})
		}
		return err
	})
	return list, err
}
