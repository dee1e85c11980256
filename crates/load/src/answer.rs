//! Answers of HTTP/1.1, taken as they arrive: where one ends, what it says, and whether its connection goes on.
//!
//! A state machine without I/O. Bodies are passed over, never kept: a load generator wants their end.

use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX};

/// A whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// Whether the connection may carry another request.
    pub(crate) goes_on: bool,
}

/// What arrived is no HTTP/1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Where in an answer the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    /// So many bytes of the body are to come.
    Body(u64),
    ChunkSize,
    /// So many bytes of the chunk are to come, its line end included.
    Chunk(u64),
    Trailers,
    /// The body ends where the connection does.
    UntilClose,
}

/// Reads one answer after the other.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Whether answers have no body whatever their headers say: those of `HEAD`.
    bodiless: bool,
    place: Place,
    /// Of a head, a chunk's size or trailers that have not come whole.
    held: Vec<u8>,
    answer: Answer,
}

const NOTHING_YET: Answer = Answer {
    status: 0,
    goes_on: true,
};

/// What a parser found: how far it read and what that says, or that there must come more.
type Parsed<T> = Result<Option<(usize, T)>, Malformed>;

impl Reader {
    pub(crate) fn new(bodiless: bool) -> Self {
        Self {
            bodiless,
            place: Place::Head,
            held: Vec::new(),
            answer: NOTHING_YET,
        }
    }

    /// Takes what arrived next. An answer that is whole is returned, and the next one begins with what arrives then.
    ///
    /// # Errors
    /// If it is no HTTP/1.1, or goes on behind an answer's end though nothing else was asked for.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> Result<Option<Answer>, Malformed> {
        while !bytes.is_empty() {
            let whole = match self.place {
                Place::Head => self.head(&mut bytes)?,
                Place::Body(left) => {
                    let left = pass(&mut bytes, left);
                    self.place = Place::Body(left);
                    left == 0
                }
                Place::ChunkSize => {
                    if let Some(size) = self.parse(&mut bytes, chunk_size)? {
                        // Its line end is passed over with it.
                        self.place = match size {
                            0 => Place::Trailers,
                            size => Place::Chunk(size.checked_add(2).ok_or(Malformed)?),
                        };
                    }
                    false
                }
                Place::Chunk(left) => {
                    let left = pass(&mut bytes, left);
                    self.place = if left == 0 {
                        Place::ChunkSize
                    } else {
                        Place::Chunk(left)
                    };
                    false
                }
                Place::Trailers => self.parse(&mut bytes, trailers)?.is_some(),
                Place::UntilClose => return Ok(None),
            };
            if whole {
                return if bytes.is_empty() {
                    Ok(Some(self.done()))
                } else {
                    Err(Malformed)
                };
            }
        }
        Ok(None)
    }

    /// The connection was closed: the answer, if that is its end, and otherwise whether any of it had come.
    pub(crate) fn closed(&mut self) -> Result<Answer, CutOff> {
        if self.place == Place::UntilClose {
            return Ok(self.done());
        }
        let begun = self.place != Place::Head || !self.held.is_empty();
        *self = Self::new(self.bodiless);
        Err(CutOff { begun })
    }

    fn done(&mut self) -> Answer {
        self.place = Place::Head;
        std::mem::replace(&mut self.answer, NOTHING_YET)
    }

    /// Takes of a head what came; whether the answer ends with it.
    fn head(&mut self, bytes: &mut &[u8]) -> Result<bool, Malformed> {
        let bodiless = self.bodiless;
        let Some(head) = self.parse(bytes, |text| head(text, bodiless))? else {
            return Ok(false);
        };
        // 100 Continue and the like: the answer is still to come.
        if let Some((answer, place)) = head {
            self.answer = answer;
            self.place = place;
            return Ok(place == Place::Body(0));
        }
        Ok(false)
    }

    /// Parses what is held together with what came; what is too little is held.
    fn parse<T>(
        &mut self,
        bytes: &mut &[u8],
        parser: impl Fn(&[u8]) -> Parsed<T>,
    ) -> Result<Option<T>, Malformed> {
        // Nearly always it comes whole, and is parsed where it lies.
        if self.held.is_empty()
            && let Some((length, parsed)) = parser(bytes)?
        {
            *bytes = &bytes[length..];
            return Ok(Some(parsed));
        }
        let before = self.held.len();
        self.held.extend_from_slice(bytes);
        let parsed = if before > 0 {
            parser(&self.held)?
        } else {
            None
        };
        if let Some((length, parsed)) = parsed {
            // What was held alone was too little, so that it ends in what came.
            *bytes = &bytes[length.saturating_sub(before)..];
            self.held.clear();
            return Ok(Some(parsed));
        }
        *bytes = &[];
        if self.held.len() > HEAD_BYTES_MAX {
            return Err(Malformed);
        }
        Ok(None)
    }
}

/// A connection was closed before an answer was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CutOff {
    /// Whether any of it had come.
    pub(crate) begun: bool,
}

/// Passes over as many of the bytes as are left to come; how many are left then.
fn pass(bytes: &mut &[u8], left: u64) -> u64 {
    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    *bytes = &bytes[here..];
    left - here as u64
}

fn chunk_size(text: &[u8]) -> Parsed<u64> {
    match httparse::parse_chunk_size(text) {
        Ok(httparse::Status::Complete((length, size))) => Ok(Some((length, size))),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(Malformed),
    }
}

fn trailers(text: &[u8]) -> Parsed<()> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    match httparse::parse_headers(text, &mut headers) {
        Ok(httparse::Status::Complete((length, _))) => Ok(Some((length, ()))),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => Err(Malformed),
    }
}

/// A status line and headers: what is known of the answer then, and where it goes on; nothing of an interim answer.
fn head(text: &[u8], bodiless: bool) -> Parsed<Option<(Answer, Place)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(text) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Malformed),
    };
    let status = response.code.ok_or(Malformed)?;
    match status {
        // Nobody asked for another protocol.
        101 => return Err(Malformed),
        100..200 => return Ok(Some((length, None))),
        _ => {}
    }
    let mut goes_on = response.version == Some(1);
    let mut sized = None;
    let mut chunked = false;
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let size = number(header.value)?;
            if sized.is_some_and(|sized| sized != size) {
                return Err(Malformed);
            }
            sized = Some(size);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = names(header.value, b"chunked");
        } else if header.name.eq_ignore_ascii_case("connection") {
            goes_on = if goes_on {
                !names(header.value, b"close")
            } else {
                names(header.value, b"keep-alive")
            };
        }
    }
    let place = match (bodiless || matches!(status, 204 | 304), chunked, sized) {
        (true, ..) => Place::Body(0),
        // RFC 9112, 6.3: the encoding overrides the length.
        (false, true, _) => Place::ChunkSize,
        (false, false, Some(size)) => Place::Body(size),
        (false, false, None) => Place::UntilClose,
    };
    let goes_on = goes_on && place != Place::UntilClose;
    Ok(Some((length, Some((Answer { status, goes_on }, place)))))
}

fn number(digits: &[u8]) -> Result<u64, Malformed> {
    let digits = std::str::from_utf8(digits).map_err(|_| Malformed)?.trim();
    if digits.starts_with('+') {
        return Err(Malformed);
    }
    digits.parse().map_err(|_| Malformed)
}

/// Whether a list of words names this one.
fn names(list: &[u8], word: &[u8]) -> bool {
    list.split(|byte| *byte == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello";
    const CHUNKED: &[u8] = b"HTTP/1.1 503 Busy\r\ntransfer-encoding: gzip, chunked\r\n\r\n\
        5\r\nhello\r\n10;name=value\r\n0123456789abcdef\r\n0\r\nTrailer: t\r\n\r\n";
    const EMPTY: &[u8] = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    const CONTINUED: &[u8] =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    const OLD: &[u8] = b"HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\n.";

    fn answer(status: u16, goes_on: bool) -> Answer {
        Answer { status, goes_on }
    }

    fn all() -> [(&'static [u8], Answer); 5] {
        [
            (SIZED, answer(200, true)),
            (CHUNKED, answer(503, true)),
            (EMPTY, answer(204, false)),
            (CONTINUED, answer(404, true)),
            (OLD, answer(200, true)),
        ]
    }

    #[test]
    fn answers_are_read_one_after_the_other() {
        let mut reader = Reader::new(false);
        for (text, expected) in all() {
            assert_eq!(reader.take(text), Ok(Some(expected)));
        }
        assert_eq!(reader.closed(), Err(CutOff { begun: false }));
    }

    #[test]
    fn a_head_asked_for_has_no_body() {
        let mut reader = Reader::new(true);
        let head = &SIZED[..SIZED.len() - 5];
        assert_eq!(reader.take(head), Ok(Some(answer(200, true))));
    }

    #[test]
    fn a_body_without_a_length_ends_with_its_connection() {
        let mut reader = Reader::new(false);
        assert_eq!(reader.take(b"HTTP/1.1 200 OK\r\n\r\nbody"), Ok(None));
        assert_eq!(reader.closed(), Ok(answer(200, false)));
        assert_eq!(reader.take(&SIZED[..20]), Ok(None));
        assert_eq!(reader.closed(), Err(CutOff { begun: true }));
        assert_eq!(reader.take(SIZED), Ok(Some(answer(200, true))));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let endless = [b"HTTP/1.1 200 OK\r\na: ".as_slice(), &[b'x'; 70_000]].concat();
        let twice = [SIZED, b"H"].concat();
        for text in [
            b"SSH-2.0-OpenSSH\r\n".as_slice(),
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nlong\r\n",
            &endless,
            &twice,
        ] {
            let mut reader = Reader::new(false);
            let taken = text
                .chunks(20_000)
                .try_for_each(|part| reader.take(part).map(|_| ()));
            assert_eq!(taken, Err(Malformed), "{:?}", String::from_utf8_lossy(text));
        }
    }

    proptest! {
        #[test]
        fn where_bytes_are_split_changes_nothing(
            order in prop::collection::vec(0usize..5, 1..6),
            cuts in prop::collection::vec(1usize..40, 1..60),
        ) {
            let mut reader = Reader::new(false);
            let mut cuts = cuts.iter().cycle();
            for index in order {
                let (mut text, expected) = all()[index];
                while !text.is_empty() {
                    let (now, later) = text.split_at((*cuts.next().unwrap()).min(text.len()));
                    let taken = reader.take(now);
                    let wanted = if later.is_empty() { Some(expected) } else { None };
                    prop_assert_eq!(taken, Ok(wanted));
                    text = later;
                }
            }
        }

        #[test]
        fn any_bytes_are_taken_or_refused(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        ) {
            let mut reader = Reader::new(false);
            for text in texts {
                if reader.take(&text).is_err() {
                    break;
                }
            }
        }
    }
}
