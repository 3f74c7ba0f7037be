//! What a copy is called: by its bytes, and where they leave it open, by what the origin says.

use crate::bed::text;
use crate::copier::Bed;
use crate::origin::{Answer, Origin, ok};

/// An MP4 whose first bytes do not tell what is in it.
fn mp4(brands: &[u8]) -> Vec<u8> {
    let size = u32::try_from(8 + brands.len()).unwrap_or_default().to_be_bytes();
    let media = [&2008_u32.to_be_bytes(), b"mdat".as_slice(), &[7; 2000]].concat();
    [&size, b"ftyp".as_slice(), brands, &media].concat()
}

#[tokio::test]
async fn an_mp4_is_audio_or_video_as_its_brand_its_type_and_its_name_say() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let (general, audio) = (b"isom\0\0\x02\0isomiso2mp41", b"M4A \0\0\x02\0isomiso2");
    for (index, (brands, path, headers, content_type, extension)) in [
        (&general[..], "/r.mp4", "content-type: audio/mp4\r\n", "audio/mp4", "m4a"),
        (&general[..], "/r.m4a", "content-type: application/octet-stream\r\n", "audio/mp4", "m4a"),
        (
            &general[..],
            "/r?token=x",
            "content-disposition: attachment; filename=\"r.m4a\"\r\n",
            "audio/mp4",
            "m4a",
        ),
        (&audio[..], "/r.mp4", "content-type: video/mp4\r\n", "audio/mp4", "m4a"),
        (&general[..], "/r.mp4", "content-type: video/mp4\r\n", "video/mp4", "mp4"),
        (&general[..], "/r.mp4", "", "video/mp4", "mp4"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = ok(headers, &mp4(brands));
        let origin = Origin::start(move |_| Answer::Send(answer.clone())).await?;
        let key = bed.announce(&index.to_string(), &origin.url(path)).await?;
        bed.sweep().await?;
        let item = bed.item(&key).await?;
        assert_eq!((text(&item, "state"), text(&item, "content_type")), ("stored", content_type), "{index}");
        assert!(text(&item, "s3_key").ends_with(&format!("r.{extension}")), "{index}: {item:?}");
    }
    Ok(())
}
