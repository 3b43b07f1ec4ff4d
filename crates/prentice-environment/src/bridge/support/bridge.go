// Both ends of the channel between examiner and candidate, and of testify's assertions what the suites use.
//
// A message is its length (four bytes, big endian) and its content. Values are written by their declared types; a
// value in an interface is preceded by the name of its type, which is rebuilt from basic types, slices, arrays and
// maps only. The request is the arguments. The reply is a byte, 0 for a result and 1 for a panic; then the result;
// then a byte that is 1 where the call changed the arguments, and these.

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

const (
	prenticeWrong = 96
	prenticeGone  = 97
	prenticeThrew = 98
	prenticeLimit = 16 << 20
	prenticeDepth = 64
	// Longest array of a type named by the other side, which says no more of it than its length.
	prenticeArray = 4096
)

var prenticeMalformed = errors.New("the message is malformed")

// The channel is set aside before any other variable is initialised: what the program prints is no message.
var prenticeIn, prenticeOut = func() (io.Reader, io.Writer) {
	in, out := os.Stdin, os.Stdout
	os.Stdin, _ = os.Open(os.DevNull)
	os.Stdout = os.Stderr
	return in, out
}()

// A value that cannot be sent: it equals none that a test holds.
type prenticeOpaque struct{}

// The examiner's side: sets result to the candidate's answer. Does not return if there is none.
func prenticeAsk(result interface{}, arguments ...interface{}) {
	var request bytes.Buffer
	for _, argument := range arguments {
		if prenticeWrite(&request, reflect.ValueOf(argument).Elem(), 0) != nil {
			panic("an argument of the test cannot be sent")
		}
	}
	if prenticeSend(request.Bytes()) != nil {
		os.Exit(prenticeGone)
	}
	reply, err := prenticeReceive()
	if err != nil || len(reply) == 0 {
		os.Exit(prenticeGone)
	}
	if reply[0] != 0 {
		os.Exit(prenticeThrew)
	}
	reader := bytes.NewReader(reply[1:])
	err = prenticeRead(reader, reflect.ValueOf(result).Elem(), 0)
	changed, missing := reader.ReadByte()
	if err != nil || missing != nil {
		os.Exit(prenticeGone)
	}
	for i := 0; changed != 0 && i < len(arguments); i++ {
		argument := reflect.ValueOf(arguments[i]).Elem()
		after := reflect.New(argument.Type()).Elem()
		if prenticeRead(reader, after, 0) != nil {
			os.Exit(prenticeGone)
		}
		prenticeRestore(argument, after)
	}
	if reader.Len() != 0 {
		os.Exit(prenticeGone)
	}
}

// The candidate's side: answers until the examiner has no more questions.
func prenticeServe(function interface{}) {
	for {
		request, err := prenticeReceive()
		if err != nil {
			os.Exit(0)
		}
		if prenticeSend(prenticeAnswer(reflect.ValueOf(function), request)) != nil {
			os.Exit(0)
		}
	}
}

func prenticeAnswer(function reflect.Value, request []byte) (reply []byte) {
	defer func() {
		if thrown := recover(); thrown != nil {
			fmt.Fprintln(os.Stderr, thrown)
			reply = []byte{1}
		}
	}()
	reader := bytes.NewReader(request)
	arguments := make([]reflect.Value, function.Type().NumIn())
	for i := range arguments {
		arguments[i] = reflect.New(function.Type().In(i)).Elem()
		if err := prenticeRead(reader, arguments[i], 0); err != nil {
			panic(err)
		}
	}
	answer := bytes.NewBuffer([]byte{0})
	for _, result := range function.Call(arguments) {
		if err := prenticeWrite(answer, result, 0); err != nil {
			panic(err)
		}
	}
	var after bytes.Buffer
	for _, argument := range arguments {
		if err := prenticeWrite(&after, argument, 0); err != nil {
			panic(err)
		}
	}
	if bytes.Equal(request, after.Bytes()) {
		answer.WriteByte(0)
	} else {
		answer.WriteByte(1)
		answer.Write(after.Bytes())
	}
	return answer.Bytes()
}

func prenticeSend(content []byte) error {
	if len(content) > prenticeLimit {
		return prenticeMalformed
	}
	header := make([]byte, 4, 4+len(content))
	binary.BigEndian.PutUint32(header, uint32(len(content)))
	_, err := prenticeOut.Write(append(header, content...))
	return err
}

func prenticeReceive() ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(prenticeIn, header[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(header[:])
	if length > prenticeLimit {
		return nil, prenticeMalformed
	}
	content := make([]byte, length)
	_, err := io.ReadFull(prenticeIn, content)
	return content, err
}

func prenticeNumber(out *bytes.Buffer, number uint64) {
	var content [8]byte
	binary.BigEndian.PutUint64(content[:], number)
	out.Write(content[:])
}

func prenticeWrite(out *bytes.Buffer, value reflect.Value, depth int) error {
	if depth > prenticeDepth || out.Len() > prenticeLimit {
		return prenticeMalformed
	}
	switch value.Kind() {
	case reflect.Bool:
		if value.Bool() {
			prenticeNumber(out, 1)
		} else {
			prenticeNumber(out, 0)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		prenticeNumber(out, uint64(value.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		prenticeNumber(out, value.Uint())
	case reflect.Float32, reflect.Float64:
		prenticeNumber(out, math.Float64bits(value.Float()))
	case reflect.String:
		prenticeNumber(out, uint64(value.Len()))
		out.WriteString(value.String())
	case reflect.Slice, reflect.Array:
		// A nil slice differs from an empty one; the length tells them apart.
		if value.Kind() == reflect.Slice && value.IsNil() {
			prenticeNumber(out, math.MaxUint64)
			return nil
		}
		prenticeNumber(out, uint64(value.Len()))
		for i := 0; i < value.Len(); i++ {
			if err := prenticeWrite(out, value.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		if value.IsNil() {
			prenticeNumber(out, math.MaxUint64)
			return nil
		}
		prenticeNumber(out, uint64(value.Len()))
		// Sorted, since the order of a map is random, and equal maps must give equal bytes.
		entries := make([]string, 0, value.Len())
		for _, key := range value.MapKeys() {
			var entry bytes.Buffer
			if err := prenticeWrite(&entry, key, depth+1); err != nil {
				return err
			}
			if err := prenticeWrite(&entry, value.MapIndex(key), depth+1); err != nil {
				return err
			}
			entries = append(entries, entry.String())
		}
		sort.Strings(entries)
		for _, entry := range entries {
			out.WriteString(entry)
		}
	case reflect.Interface:
		name, content := "nil", value.Elem()
		if content.IsValid() {
			name = content.Type().String()
			if _, err := prenticeType(name, 0); err != nil {
				name = "?"
			}
		}
		prenticeNumber(out, uint64(len(name)))
		out.WriteString(name)
		if name != "nil" && name != "?" {
			return prenticeWrite(out, content, depth+1)
		}
	default:
		return prenticeMalformed
	}
	return nil
}

// How many elements follow, -1 for nil. Each takes up at least so many bytes: nothing is reserved that was not sent.
func prenticeCount(in *bytes.Reader, size int) (int, error) {
	var count uint64
	if binary.Read(in, binary.BigEndian, &count) != nil {
		return 0, prenticeMalformed
	}
	if count == math.MaxUint64 {
		return -1, nil
	}
	if count > uint64(in.Len()/size) {
		return 0, prenticeMalformed
	}
	return int(count), nil
}

func prenticeText(in *bytes.Reader) (string, error) {
	length, err := prenticeCount(in, 1)
	if err != nil || length < 0 {
		return "", prenticeMalformed
	}
	text := make([]byte, length)
	_, err = io.ReadFull(in, text)
	return string(text), err
}

func prenticeRead(in *bytes.Reader, into reflect.Value, depth int) error {
	if depth > prenticeDepth {
		return prenticeMalformed
	}
	switch into.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		var number [8]byte
		if _, err := io.ReadFull(in, number[:]); err != nil {
			return err
		}
		prenticeSet(into, binary.BigEndian.Uint64(number[:]))
	case reflect.String:
		text, err := prenticeText(in)
		into.SetString(text)
		return err
	case reflect.Slice:
		// Whatever the element, it takes up eight bytes or more.
		count, err := prenticeCount(in, 8)
		if err != nil || count < 0 {
			return err
		}
		into.Set(reflect.MakeSlice(into.Type(), count, count))
		return prenticeElements(in, into, depth)
	case reflect.Array:
		count, err := prenticeCount(in, 8)
		if err != nil || count != into.Len() {
			return prenticeMalformed
		}
		return prenticeElements(in, into, depth)
	case reflect.Map:
		count, err := prenticeCount(in, 16)
		if err != nil || count < 0 {
			return err
		}
		into.Set(reflect.MakeMapWithSize(into.Type(), count))
		for i := 0; i < count; i++ {
			key, value := reflect.New(into.Type().Key()).Elem(), reflect.New(into.Type().Elem()).Elem()
			if err := prenticeRead(in, key, depth+1); err != nil {
				return err
			}
			if err := prenticeRead(in, value, depth+1); err != nil {
				return err
			}
			if key.Kind() == reflect.Interface && !key.IsNil() && !key.Elem().Type().Comparable() {
				return prenticeMalformed
			}
			into.SetMapIndex(key, value)
		}
	case reflect.Interface:
		name, err := prenticeText(in)
		if err != nil || name == "nil" {
			return err
		}
		if name == "?" {
			into.Set(reflect.ValueOf(prenticeOpaque{}))
			return nil
		}
		kind, err := prenticeType(name, 0)
		if err != nil {
			return err
		}
		value := reflect.New(kind).Elem()
		if err := prenticeRead(in, value, depth+1); err != nil {
			return err
		}
		into.Set(value)
	default:
		return prenticeMalformed
	}
	return nil
}

func prenticeElements(in *bytes.Reader, into reflect.Value, depth int) error {
	for i := 0; i < into.Len(); i++ {
		if err := prenticeRead(in, into.Index(i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func prenticeSet(into reflect.Value, number uint64) {
	switch into.Kind() {
	case reflect.Bool:
		into.SetBool(number != 0)
	case reflect.Float32, reflect.Float64:
		into.SetFloat(math.Float64frombits(number))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		into.SetInt(int64(number))
	default:
		into.SetUint(number)
	}
}

var prenticeBasic = func() map[string]reflect.Type {
	kinds := map[string]reflect.Type{"interface {}": reflect.TypeOf((*interface{})(nil)).Elem()}
	for _, value := range []interface{}{
		false, "", 0, int8(0), int16(0), int32(0), int64(0), uint(0), uint8(0), uint16(0), uint32(0), uint64(0),
		float32(0), float64(0),
	} {
		kinds[reflect.TypeOf(value).String()] = reflect.TypeOf(value)
	}
	return kinds
}()

// The type of a name as reflect writes it.
func prenticeType(name string, depth int) (reflect.Type, error) {
	if kind, found := prenticeBasic[name]; found {
		return kind, nil
	}
	close := strings.IndexByte(name, ']')
	if depth > prenticeDepth || close < 0 {
		return nil, prenticeMalformed
	}
	element, err := prenticeType(name[close+1:], depth+1)
	if err != nil {
		return nil, err
	}
	switch open := name[:close]; {
	case open == "[":
		return reflect.SliceOf(element), nil
	case strings.HasPrefix(open, "map["):
		// A key may be of any type that holds no other brackets.
		key, err := prenticeType(open[len("map["):], depth+1)
		if err != nil || !key.Comparable() {
			return nil, prenticeMalformed
		}
		return reflect.MapOf(key, element), nil
	case strings.HasPrefix(open, "["):
		// Arrays of arrays could be named in a few bytes and take up all memory.
		length, err := strconv.Atoi(open[1:])
		if err != nil || length < 1 || length > prenticeArray || element.Kind() == reflect.Array {
			return nil, prenticeMalformed
		}
		return reflect.ArrayOf(length, element), nil
	}
	return nil, prenticeMalformed
}

// Gives the examiner's argument the content that the call left it with, where the examiner can see it: the length of a
// slice is the caller's own.
func prenticeRestore(argument, after reflect.Value) {
	switch argument.Kind() {
	case reflect.Slice:
		for i := 0; i < argument.Len() && i < after.Len(); i++ {
			if argument.Index(i).Kind() == reflect.Slice && argument.Index(i).Len() == after.Index(i).Len() {
				prenticeRestore(argument.Index(i), after.Index(i))
			} else {
				argument.Index(i).Set(after.Index(i))
			}
		}
	case reflect.Map:
		if argument.IsNil() {
			return
		}
		for _, key := range argument.MapKeys() {
			argument.SetMapIndex(key, reflect.Value{})
		}
		for _, key := range after.MapKeys() {
			argument.SetMapIndex(key, after.MapIndex(key))
		}
	}
}
