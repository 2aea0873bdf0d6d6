// Operations: what an operator can have a running server do. One table of them gives the commands
// of `bailiwick ctl`, the routes of the API, its description and the reference in docs.

package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Operation is one of them.
type Operation struct {
	Name  string // the words of the command, such as "forwards set"
	Short string // what it does, in a line
	Long  string // the same at length; "" if the line says it all
	// Example is a command line, without the program's name; "" for none.
	Example string
	// Suggest are the names that other servers have for it.
	Suggest []string

	Changes bool // it needs the role operate, and has an audit line
	// Replaces is the operation whose result this one replaces, by PUT; "" for none.
	Replaces string
	// Tagged reports whether the result has an ETag.
	Tagged bool
	// Stream reports whether the result is text of any length, and nothing else.
	Stream bool

	Params []Param
	OneOf  []string // arguments of which one at least has to be there
	Fields []Field  // of the result
	Rows   []Field  // columns of its table; nil if it has none

	Run func(Request) (Result, error)
}

// Kind is the kind of a value.
type Kind uint8

// The kinds.
const (
	Text    Kind = iota
	Integer      // a whole number
	Number
	Boolean
	List // of texts
	Map  // from text to lists of texts
	// Object and Objects are JSON objects, one and a list, of fields only.
	Object
	Objects
)

// Param is an argument of an operation.
type Param struct {
	Name, Help string
	Kind       Kind
	Required   bool
	Positional bool     // of the command; the others are flags
	Choices    []string // of a text; nil: any
}

// Field is a value of a result.
type Field struct {
	Name, Help string
	Kind       Kind
	Optional   bool // it may be absent, or null in a table
	Short      bool // a long one is cut in a table for people
}

// Request asks for an operation.
type Request struct {
	Command string `json:"command"`
	// Args are the arguments by name: numbers and booleans as JSON writes them, lists joined by
	// commas, maps as JSON.
	Args   map[string]string `json:"args,omitempty"`
	Caller string            `json:"-"` // who asks, for the log, such as "uid 0"
	From   string            `json:"-"` // where they ask
	// IfMatch is the tag that a result has to have before it is replaced; "" for any.
	IfMatch string `json:"-"`
	// Waits reports whether the caller on the control socket knows that several responses may come:
	// one of an earlier version would take the first for the reply.
	Waits bool `json:"waits,omitempty"`
}

// Result is what an operation tells: fields, rows of a table, or both; or a text.
type Result struct {
	Fields  map[string]any `json:"fields,omitempty"`
	Columns []string       `json:"columns,omitempty"`
	Rows    [][]any        `json:"rows,omitempty"` // as many values each as there are columns
	// Text writes a text of any length; nil: there is none.
	Text func(io.Writer) error `json:"-"`
}

// Object returns a result of an operation as one JSON object: the fields, and the rows as objects
// under "rows".
func (o *Operation) Object(r Result) map[string]any {
	object := maps.Clone(r.Fields)
	if object == nil {
		object = map[string]any{}
	}
	if r.Columns == nil && o.Rows == nil {
		return object
	}
	rows := make([]map[string]any, len(r.Rows))
	for i, row := range r.Rows {
		rows[i] = map[string]any{}
		for j, v := range row[:min(len(row), len(r.Columns))] {
			rows[i][r.Columns[j]] = v
		}
	}
	object["rows"] = rows
	return object
}

// Method returns the HTTP method of the operation's route.
func (o *Operation) Method() string {
	switch {
	case o.Replaces != "":
		return http.MethodPut
	case o.Changes:
		return http.MethodPost
	}
	return http.MethodGet
}

// Path returns the path of the operation's route, below Prefix.
func (o *Operation) Path() string {
	name := o.Name
	if o.Replaces != "" {
		name = o.Replaces
	}
	return Prefix + strings.ReplaceAll(name, " ", "/")
}

// param returns the parameter of a name, nil if there is none.
func (o *Operation) param(name string) *Param {
	for i := range o.Params {
		if o.Params[i].Name == name {
			return &o.Params[i]
		}
	}
	return nil
}

// check reports what is wrong with arguments, whoever sends them.
func (o *Operation) check(args map[string]string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(args)) {
		p := o.param(name)
		if p == nil {
			errs = append(errs, o.unknown(name))
			continue
		}
		if err := p.check(args[name]); err != nil {
			errs = append(errs, err)
		}
	}
	for _, p := range o.Params {
		if _, given := args[p.Name]; p.Required && !given {
			errs = append(errs, fmt.Errorf("%s is missing: %s", p.Name, p.Help))
		}
	}
	if o.Lacks(args) {
		errs = append(errs, fmt.Errorf("one of %s is missing", strings.Join(o.OneOf, ", ")))
	}
	return errors.Join(errs...)
}

// Lacks reports whether none of the arguments is there of which one has to be.
func (o *Operation) Lacks(args map[string]string) bool {
	return len(o.OneOf) > 0 && !slices.ContainsFunc(o.OneOf,
		func(name string) bool { return args[name] != "" && args[name] != "false" })
}

// unknown is the error of an argument that there is not.
func (o *Operation) unknown(name string) error {
	if len(o.Params) == 0 {
		return fmt.Errorf("unknown argument %.64q: %s takes none", name, o.Name)
	}
	var names []string
	for _, p := range o.Params {
		names = append(names, p.Name)
	}
	return fmt.Errorf("unknown argument %.64q: those of %s are %s", name, o.Name,
		strings.Join(names, ", "))
}

// check reports what is wrong with the value of an argument. Control characters are in no name,
// and would be in log lines and on terminals.
func (p *Param) check(value string) error {
	if len(value) > maxValue || len(value) > maxText && p.Kind != List && p.Kind != Map {
		return fmt.Errorf("%s is too long", p.Name)
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return fmt.Errorf("%s has control characters, or is not UTF-8", p.Name)
	}
	switch p.Kind {
	case Integer:
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return fmt.Errorf("%s: %.64q is not a whole number", p.Name, value)
		}
	case Boolean:
		if value != "true" && value != "false" {
			return fmt.Errorf("%s: %.64q is neither true nor false", p.Name, value)
		}
	case List:
		if strings.Count(value, ",") >= maxItems {
			return fmt.Errorf("%s has more than %d items", p.Name, maxItems)
		}
	case Map:
		if _, err := ParseMap(value); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	if p.Choices != nil && !slices.Contains(p.Choices, value) {
		return fmt.Errorf("%s: %.64q is none of %s", p.Name, value, strings.Join(p.Choices, ", "))
	}
	return nil
}

// ParseMap reads an argument of the kind Map.
func ParseMap(value string) (m map[string][]string, err error) {
	if err := json.Unmarshal([]byte(value), &m); err != nil || m == nil {
		return nil, errors.New("it is not a JSON object of lists of texts")
	}
	if len(m) > maxItems {
		return nil, fmt.Errorf("it has more than %d names", maxItems)
	}
	for name, list := range m {
		for _, text := range append(slices.Clone(list), name) {
			if strings.ContainsFunc(text, unicode.IsControl) || strings.Contains(text, ",") {
				return nil, fmt.Errorf("%.64q has control characters, or a comma", text)
			}
		}
	}
	return m, nil
}
