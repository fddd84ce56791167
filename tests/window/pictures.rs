//! The pictures of the documentation: sign-in and inbox, light and dark, of the real window with the practice tenant.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::practice::Practice;
use crate::stage::Stage;
use crate::webdriver::key;
use crate::window::Window;

/// The size the interface is drawn for, in pixels.
const SIZE: (u32, u32) = (1440, 900);

/// A smaller picture shows an empty page, in bytes: the drawn ones have several times as much.
const BYTES_MIN: usize = 15_000;

/// A larger picture makes a page of documentation slow, in bytes.
const BYTES_MAX: usize = 400_000;

/// What customers wrote: who, how many minutes ago, what.
const WRITTEN: [(usize, u64, &str); 17] = [
    (6, 1560, "Thanks, the winter tyres are perfect."),
    (10, 1308, "Can I bring it in on Friday, before nine?"),
    (7, 180, "¿Me pueden enviar la factura otra vez?"),
    (9, 64, "Vale, muchas gracias 👍"),
    (2, 41, "Good morning! Is the estate still for sale?"),
    (2, 40, "And would you take my old one in part exchange?"),
    (3, 33, "Buenos días, ¿cuánto tarda el cambio de aceite?"),
    (4, 24, "The warning light is back on."),
    (4, 24, "It came on twice on the way to work."),
    (4, 23, "Second time this month, to be honest."),
    (5, 18, "¿Tienen el filtro de cabina para el modelo de 2019?"),
    (8, 11, "Could you send me the finance breakdown for both offers, please?"),
    (11, 6, "¿Puedo pasar hoy a recoger las llaves?"),
    (0, 32, "Hello, I saw the blue van on your page. Is it still there?"),
    (0, 31, "I would need it for moving house, so the *long* one if possible."),
    (1, 9, "Hola, ¿siguen teniendo el coche de prueba el sábado?"),
    (1, 8, "Iría con mi hermana, sobre las diez."),
];

/// What is answered before the picture is taken: to whom, and what.
const ANSWERS: [(usize, &str); 2] = [(9, "A ti. ¡Buen viaje!"), (7, "Claro, te la envío ahora mismo.")];

/// Those whose conversations are the agent's own. The others are nobody's yet.
const OWN: [usize; 10] = [0, 2, 3, 4, 5, 7, 8, 9, 10, 11];

#[tokio::test]
async fn the_pictures_of_the_documentation_are_of_the_real_window() -> Result<()> {
    // Given a working day.
    let stage = Stage::enter().await?;
    let practice = stage.practice().await?;
    for (customer, minutes_ago, text) in WRITTEN {
        let ago = Duration::from_secs(minutes_ago * 60);
        practice.customer(customer).wrote(text, ago).await?;
    }
    practice.settled().await?;

    // When pictures are taken, before and after signing in.
    let window = stage.window(practice.backend()).await?;
    let mut pictures = Vec::new();
    for theme in ["light", "dark"] {
        chooses_theme_at_sign_in(&window, theme).await?;
        pictures.push((format!("signin-{theme}"), window.page.picture().await?));
    }
    window.page.clicks("the e-mail field", "return document.getElementById('email')", &[]).await?;
    window.signs_in(practice.agent()?).await?;
    works(&window, &practice).await?;
    for theme in ["dark", "light"] {
        window.theme(theme).await?;
        pictures.push((format!("inbox-{theme}"), window.page.picture().await?));
        window.page.presses(&[key::CONTROL, key::SHIFT, 'l']).await?;
    }

    // Then each shows the whole window, and none is another's.
    for (at, (name, picture)) in pictures.iter().enumerate() {
        assert_eq!(size(picture)?, SIZE, "{name}");
        assert!((BYTES_MIN..BYTES_MAX).contains(&picture.len()), "{name} has {} bytes", picture.len());
        assert!(pictures.iter().skip(at + 1).all(|(_, other)| other != picture), "{name} is there twice");
    }
    keep(&pictures)
}

/// The agent takes conversations on, answers some, and has the one with the van open.
async fn works(window: &Window, practice: &Practice) -> Result<()> {
    window.status("In sync").await?;
    window.shows_unassigned().await?;
    for customer in OWN {
        window.opens(&practice.customer(customer).name().await?).await?;
        window.claims().await?;
    }
    window.shows_mine().await?;
    for (customer, text) in ANSWERS {
        window.opens(&practice.customer(customer).name().await?).await?;
        window.replies(text).await?;
        window.ticks(text, "read").await?;
        window.leaves_the_composer().await?;
    }
    let drafted = practice.customer(3).name().await?;
    window.opens(&drafted).await?;
    window.writes("Unos 40 minutos, sin cita").await?;
    window.row(&drafted, "Draft: Unos 40 minutos").await?;
    window.leaves_the_composer().await?;

    let van = practice.customer(0);
    window.opens(&van.name().await?).await?;
    let here = "Good morning! Yes, the long one is here. You can drive it today until six.";
    window.replies(here).await?;
    window.ticks(here, "read").await?;
    van.writes("Oh, great. Yes please!").await?;
    van.writes("Is half past four all right?").await?;
    window.message("half past four").await?;
    window.row_is_read(&van.name().await?).await?;
    van.phone(true, false).await?;
    let agreed = "Half past four is fine. I put it aside for you.";
    window.replies(agreed).await?;
    window.ticks(agreed, "delivered").await?;
    // A caret that blinks would be in some pictures and not in others, and so would a row under the pointer.
    window.page.clicks("the name above the thread", "return document.querySelector('.thread h2')", &[]).await
}

async fn chooses_theme_at_sign_in(window: &Window, theme: &str) -> Result<()> {
    let opener = "return document.querySelector('button[title=Theme]')";
    window.page.clicks("the themes can be chosen", opener, &[]).await?;
    let item = "return [...document.querySelectorAll('[role=menu] button')]
        .find((item) => item.innerText.toLowerCase().startsWith(arguments[0])) ?? null";
    window.page.clicks("the theme is in the menu", item, &[theme]).await?;
    window.theme(theme).await?;
    // Neither a caret nor the ring of the button that was just used.
    window.page.script::<Option<()>>("document.activeElement.blur(); return null", &[]).await.map(drop)
}

/// Width and height of a PNG, as its first block has them.
fn size(picture: &[u8]) -> Result<(u32, u32)> {
    ensure!(picture.starts_with(b"\x89PNG\r\n\x1a\n"), "this is no PNG");
    let number = |at: usize| -> Result<u32> {
        let bytes = picture.get(at..at + 4).context("the picture is cut off")?;
        Ok(u32::from_be_bytes(bytes.try_into()?))
    };
    Ok((number(16)?, number(20)?))
}

/// Writes the pictures where `cargo xtask screenshots` wants them; in a test run nobody does.
fn keep(pictures: &[(String, Vec<u8>)]) -> Result<()> {
    let Some(folder) = std::env::var_os("DESKBELL_SCREENSHOTS").map(PathBuf::from) else { return Ok(()) };
    std::fs::create_dir_all(&folder)?;
    for (name, picture) in pictures {
        std::fs::write(folder.join(format!("{name}.png")), picture)?;
    }
    Ok(())
}
