// What ties a key to a field of the configuration.

package config

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// binding ties a key to a field of the configuration.
type binding struct {
	// set gives the field the value that a key was given.
	set func(c *Config, v value) error
	// get returns the value that the field could have been given; nil where it is empty by default.
	get func(c *Config) value
}

// bind ties a key to a field that holds its value as it is.
func bind[T bool | int | int64 | uint16 | string | time.Duration | time.Time](
	field func(c *Config) *T) binding {
	return binding{
		set: func(c *Config, v value) error {
			switch f := any(field(c)).(type) {
			case *bool:
				*f = v.bool
			case *int:
				*f = int(v.int)
			case *int64:
				*f = v.int
			case *uint16:
				*f = uint16(v.int)
			case *string:
				*f = v.text
			case *time.Duration:
				*f = v.duration
			case *time.Time:
				*f = v.time
			}
			return nil
		},
		get: func(c *Config) (v value) {
			switch f := any(*field(c)).(type) {
			case bool:
				v.bool = f
			case int:
				v.int = int64(f)
			case int64:
				v.int = f
			case uint16:
				v.int = int64(f)
			case string:
				v.text = f
			case time.Duration:
				v.duration = f
			case time.Time:
				v.time = f
			}
			return v
		},
	}
}

// bindChoice ties a key to a field that holds one of several values, in the order of the key's
// choices.
func bindChoice[T comparable](field func(c *Config) *T, values ...T) binding {
	return binding{
		set: func(c *Config, v value) error { *field(c) = values[v.choice]; return nil },
		get: func(c *Config) value { return value{choice: slices.Index(values, *field(c))} },
	}
}

// bindText ties a key to a field that holds what read makes of its text.
func bindText(field func(c *Config) *string, read func(string) (string, error)) binding {
	return binding{
		set: func(c *Config, v value) (err error) { *field(c), err = read(v.text); return err },
		get: func(c *Config) value { return value{text: *field(c)} },
	}
}

// bindList ties a key to a field that holds what read makes of its items, each of which is printed
// as it could be read.
func bindList[T any](field func(c *Config) *[]T, read func([]string) ([]T, error)) binding {
	return binding{
		set: func(c *Config, v value) (err error) { *field(c), err = read(v.list); return err },
		get: func(c *Config) (v value) {
			for _, item := range *field(c) {
				v.list = append(v.list, fmt.Sprint(item))
			}
			return v
		},
	}
}

// asIs reads a list of texts.
func asIs(list []string) ([]string, error) { return list, nil }

// valueOf returns the value of the key in a configuration, with the text that it is read from.
func (k *key) valueOf(c *Config) (v value) {
	if k.get == nil {
		return v
	}
	v = k.get(c)
	switch k.kind {
	case kindBool:
		v.text = strconv.FormatBool(v.bool)
	case kindInt:
		v.text = strconv.FormatInt(v.int, 10)
	case kindSize:
		v.text = sizeText(v.int)
	case kindDuration:
		v.text = durationText(v.duration)
	case kindTime:
		if !v.time.IsZero() {
			v.text = v.time.Format(time.RFC3339)
		}
	case kindChoice:
		v.text = k.choices[v.choice]
	}
	return v
}

// durationText writes a duration in hours or, if it is none of whole hours, in seconds.
func durationText(d time.Duration) string {
	if d > 0 && d%time.Hour == 0 {
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}

// sizeText writes a size in the largest unit that it is a whole number of.
func sizeText(n int64) string {
	for _, u := range slices.Backward(sizeUnits) {
		if n > 0 && n%u.unit == 0 {
			return strconv.FormatInt(n/u.unit, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
