package frame

// Record appends the event of a record under an id, as one chunk if chunked is
// set: what Encoder.Event makes, for one client.
func Record(dst, id, value []byte, format Format, chunked bool) []byte {
	size := len(value)
	if format == JSON {
		size += len(data) + len("\n")
	} else {
		size = dataSize(value)
	}
	if chunked {
		dst = appendChunkHead(dst, len(eventID)+len(id)+len("\n")+size+len("\n"))
	}
	dst = append(dst, eventID...)
	dst = append(dst, id...)
	dst = append(dst, '\n')
	if format == JSON {
		dst = append(dst, data...)
		dst = append(dst, value...)
		oneLine(dst[len(dst)-len(value):])
		dst = append(dst, '\n')
	} else {
		dst = appendData(dst, value)
	}
	dst = append(dst, '\n')
	if chunked {
		dst = append(dst, crlf...)
	}
	return dst
}

// Line appends the line of newline-delimited JSON of a record, as one chunk if
// chunked is set.
func Line(dst, value []byte, format Format, chunked bool) []byte {
	size := len(value)
	if format != JSON {
		value = valid(value)
		size = quotedSize(value)
	}
	if chunked {
		dst = appendChunkHead(dst, size+len("\n"))
	}
	if format == JSON {
		dst = append(dst, value...)
		oneLine(dst[len(dst)-len(value):])
	} else {
		dst = appendQuoted(dst, value)
	}
	dst = append(dst, '\n')
	if chunked {
		dst = append(dst, crlf...)
	}
	return dst
}
