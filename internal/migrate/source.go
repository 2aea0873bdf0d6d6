// Reading files, and those that they include.

package migrate

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"bailiwick/internal/config"
)

// place is a line of a file; a line of 0 is what the program has by default.
type place struct {
	file string
	line int
}

func (p place) String() string {
	if p.line == 0 {
		return "by default"
	}
	return fmt.Sprintf("%s:%d", oneLine(filepath.Base(p.file)), p.line)
}

// oneLine returns a text without what would end or hide a line of comments.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return ' '
		}
		return r
	}, s)
}

// readFile reads a text of at most so many octets.
func readFile(path string, most int) (string, error) {
	b, err := config.ReadRegular(path, int64(most),
		fmt.Errorf("%s: more than %d MiB in all files", path, maxTotal>>20))
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) || strings.ContainsRune(string(b), 0) {
		return "", fmt.Errorf("%s is not text in UTF-8", path)
	}
	return string(b), nil
}

// files reads files that include each other.
type files struct {
	folder string   // that paths are relative to
	open   []string // each includes the next
	count  int
	size   int
}

// path returns a path that a file names, relative to the folder.
func (f *files) path(s string) string {
	if filepath.IsAbs(s) {
		return s // and not cleaned: what is before ".." may be a link
	}
	return filepath.Join(f.folder, s)
}

// read reads a file and has its text parsed, unless it exceeds a limit or includes itself.
func (f *files) read(path string, parse func(path, text string) error) error {
	switch {
	case slices.Contains(f.open, path):
		return fmt.Errorf("%s includes itself", path)
	case len(f.open) == maxDepth:
		return fmt.Errorf("%s: more than %d files include each other", path, maxDepth)
	case f.count == maxFiles:
		return fmt.Errorf("%s: more than %d files", path, maxFiles)
	}
	text, err := readFile(path, maxTotal-f.size)
	if err != nil {
		return err
	}
	f.count, f.size, f.open = f.count+1, f.size+len(text), append(f.open, path)
	defer func() { f.open = f.open[:len(f.open)-1] }()
	return parse(path, text)
}

// matching returns the files that a name or a pattern stands for, relative to that of another file.
func matching(pattern, from string) ([]string, error) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(from), pattern)
	}
	if !strings.ContainsAny(pattern, "*?[") {
		return []string{pattern}, nil
	}
	names, err := filepath.Glob(pattern)
	slices.Sort(names)
	return names, err
}
