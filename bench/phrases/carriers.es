Visita {url} para más información.
Para más detalles, consulta {url}.
Ve a {url} e inicia sesión.
Puedes descargarlo de {url}.
Nuestro sitio web es {url}.
La página {url} no se abre.
Ayer encontré esto en {url}.
¿Has visto {url}?
Haz clic en {url} para cambiar tu contraseña.
Lee las instrucciones ({url}) antes de empezar.
Las fotos están en {url} y el texto está en {file}.
Copia el enlace {url} en tu navegador, por favor.
Escribe a {mail}.
Escribe a {mail} si tienes preguntas, por favor.
Envía tu respuesta a {mail} antes del viernes.
Mi dirección es {mail}.
Contáctanos en {mail} o llama al {num}.
Hemos enviado un mensaje a {mail}.
¿Es {mail} tu dirección de correo electrónico?
{name} escribió a {mail} la semana pasada.
¡Hola, {var}!
Hola, {var}, ¿cómo estás?
Estimado {var}:
¡Bienvenido, {var}!
Bienvenido de nuevo, {var}.
Buenos días, {var}.
¡Gracias, {var}!
Me llamo {var}.
Tienes {var} mensajes nuevos.
Tienes {num} mensajes nuevos.
Se eliminaron {var} archivos.
Se copiaron {num} archivos.
Se encontraron {num} de {var} elementos.
No se pudo abrir el archivo {var}.
No se encontró el archivo {file}.
Abre {file} y guarda los cambios.
Borra {file}, por favor.
¿Quieres reemplazar {file}?
Ejecuta {file} otra vez.
Guarda el texto como {file} en tu carpeta.
La carpeta {file} está vacía.
Reemplaza {var} por tu propio nombre.
Establece {var} en {num}.
El valor de {var} es {num}.
¿Seguro que quieres eliminar {var}?
{var} ahora te sigue.
{var} te ha enviado un mensaje.
El pedido {var} se envió el {num}.
Tu pedido {num} ha sido enviado.
Tu código es {num}.
Introduce el código {num} para continuar.
El número de la habitación es {num}.
El total es {num}.
El tren sale a las {num}.
Necesitamos la versión {num} o una posterior.
Hay {num} personas en la sala.
Cuesta {num} euros.
El número es {num}, no {var}.
Página {num} de {var}
Falta la página {num}.
Haz clic en <b>Guardar</b> para continuar.
Esto es <b>muy</b> importante.
Lee el <i>segundo</i> capítulo, por favor.
<b>Nota:</b> la tienda cierra a las {num}.
<p>Estimado {var}:</p>
<h1>Bienvenido</h1>
<li>Abre la ventana.</li>
Consulta el <a href="{url}">manual</a>.
Pulsa <code>{file}</code> y espera.
Hola <b>{name}</b>, gracias por tu pedido.
Me encanta {emoji}
¡Feliz cumpleaños, {name}! {emoji}
Nos vemos mañana {emoji}
Buen trabajo, {name} {emoji}
{name} vive en la casa número {num}.
Me llamo {name} y trabajo para {name}.
{name} es el nuevo gerente de {url}.
¿Dónde está {name}?
El mensaje "{var}" viene de {file}.
Error {num}: {file} no es un archivo válido.
Paso {num}: ve a {url}.
Último inicio de sesión: {num}
Hola, {var}: tu contraseña de {url} ha cambiado.
{var} cambió {var} a {num}.
