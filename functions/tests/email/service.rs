//! A scripted peer of Azure Communication Services Email: each request is written down and gets the next answer.

use serde_json::Value;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

#[derive(Debug, Clone)]
pub enum Reply {
    /// Status, header lines, body.
    Say(u16, &'static [&'static str], Value),
    /// Reads the request and closes the connection.
    HangUp,
}

#[derive(Debug, Clone)]
pub struct Request {
    /// Method and target.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

#[derive(Clone)]
pub struct Service {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Service {
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = Self { url, requests: Arc::default() };
        let (requests, mut replies) = (Arc::clone(&service.requests), replies.into_iter().collect::<VecDeque<_>>());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let request = read(&mut stream).await;
                requests.lock().unwrap().push(request);
                match replies.pop_front() {
                    Some(Reply::Say(status, headers, body)) => {
                        let (body, headers) = (body.to_string(), headers.iter().fold(String::new(), |lines, line| lines + line + "\r\n"));
                        let answer = format!(
                            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
                            body.len()
                        );
                        // The client may have gone.
                        drop(stream.write_all(answer.as_bytes()).await);
                    }
                    Some(Reply::HangUp) => {}
                    None => panic!("nothing more was expected to be asked"),
                }
            }
        });
        service
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Request {
    let (mut line, mut headers) = (String::new(), Vec::new());
    stream.read_line(&mut line).await.unwrap();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.unwrap();
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let request = Request { line: line.trim_end().to_owned(), headers, body: String::new() };
    let length = request.header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    Request { body: String::from_utf8(body).unwrap(), ..request }
}
