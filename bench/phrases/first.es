¡Buenos días!
Buenos días.
Buenos días
Buenos días, Anna.
Buenos días a todos.
¡Buenas tardes!
Buenas tardes.
Buenas tardes
Buenas tardes, señora.
¡Buenas noches!
Buenas noches.
¡Buenas noches!
Buenas noches, que descanses.
De nada.
¡De nada!
De nada
De nada.
¡De nada!
De nada
de nada
Gracias. - De nada.
¡Gracias! ¡De nada!
De nada, con mucho gusto.
Eres bienvenido aquí.
Todos son bienvenidos.
Encantado de conocerte.
¡Encantado de conocerte!
Encantado de conocerte
Encantado de conocerte, Maria.
Es un placer conocerte.
Me alegro de verte otra vez.
Me alegro de verte.
Encantado de conocerte.
¿Qué hora es?
Qué hora es
¿Qué hora es ahora?
¿Sabes qué hora es?
¿A qué hora empieza?
¿A qué hora abre la tienda?
Feliz Navidad
¡Feliz Navidad!
Feliz Navidad.
¡Feliz Navidad y próspero Año Nuevo!
¡Feliz Año Nuevo!
Feliz Año Nuevo
¡Felices Pascuas!
¡Felices fiestas!
¡Feliz aniversario!
Feliz cumpleaños
¡Feliz cumpleaños!
¡Felicidades!
¡Enhorabuena!
Felicidades
Felicidades.
¡Felicidades, amigo!
¡Felicidades a los dos!
Hola mundo
¡Hola, mundo!
Hola, mundo
¡Hola, mundo!
hola mundo
Ser o no ser, esa es la cuestión.
Ser o no ser: esa es la cuestión.
Aprendizaje automático
El aprendizaje automático es una parte de la informática.
El aprendizaje automático es interesante.
Los modelos de aprendizaje automático necesitan muchos datos.
Inteligencia artificial
La inteligencia artificial está cambiando el mundo.
El aprendizaje profundo utiliza redes neuronales.
Traducción automática
Esta es una traducción automática.
La traducción es buena.
La atención es todo lo que necesitas.
La atención es importante.
¡Atención!
Presta atención, por favor.
Gracias por su atención.
El gato está sentado en la alfombra.
El gato se sentó en la alfombra.
El perro duerme en la alfombra.
La reunión es el lunes a las 3 de la tarde.
La reunión se cambió al martes.
La reunión se ha cambiado al viernes a las 4 de la tarde.
La reunión se aplazó.
La tienda abre a las 9 de la mañana.
La película empieza a las 8 de la noche.
Vive en Madrid desde hace cinco años.
Vivo en París desde hace dos años.
Trabaja aquí desde hace veinte años.
Nos conocemos desde hace diez años.
¿Cómo estás?
¿Cómo estás hoy?
¿Cómo estás, amigo?
Mucho gusto.
¿Cuántos años tienes?
¿Qué tal?
¿Cómo te llamas?
¿Cómo te llamas?
¿Cómo se llama usted, por favor?
¿Dónde vives?
¿Dónde estás?
¿Dónde está el baño?
¿Dónde está el baño?
¿Dónde está la farmacia más cercana?
¿Dónde está la parada de autobús?
¿Dónde puedo comprar un billete?
¿Cómo llego a la estación?
¿Cuánto cuesta?
¿Cuánto cuesta esto?
Una mesa para dos, por favor.
La cuenta, por favor.
¡Salud!
¡Salud!
¡Buen provecho!
¡Buena suerte!
Buena suerte
¡Que tengas un buen día!
Que tengas un buen día.
¡Buen fin de semana!
¡Buen viaje!
¡Cuídate!
¡Hasta pronto!
¡Hasta el lunes!
¡Adiós!
¡Adiós!
Adiós
¡Bienvenido!
Bienvenidos a nuestra casa.
¡Bienvenidos a España!
¡Lo siento!
Lo siento, llego tarde.
Lo siento.
Lo siento, no entiendo.
¿Perdón?
Disculpe, ¿dónde está la salida?
No hay problema.
¡No hay problema!
No te preocupes.
¡Por supuesto!
Por supuesto.
Claro.
Quizás.
Te amo.
Te amo
¡Te amo!
Te quiero mucho.
Yo también te quiero.
Te echo de menos.
Me gusta.
No me gusta.
Estoy feliz.
Estoy cansado.
Tengo sed.
Tengo frío.
Soy estudiante.
Soy profesor.
Estoy aprendiendo español.
Hablo un poco de español.
¿Habla español?
¿Puede hablar más despacio, por favor?
¿Puede repetirlo, por favor?
¿Cómo se dice "gracias" en español?
¿Qué significa esta palabra?
Tengo una pregunta.
Necesito ayuda.
¡Ayúdame, por favor!
¡Llame a la policía!
¡Llame a una ambulancia!
Estoy perdido.
He perdido mi pasaporte.
Me duele la cabeza.
Me duele la cabeza.
Está lloviendo.
Hoy hace frío.
Hoy hace un tiempo precioso.
¡Qué día tan bonito!
Esto es una prueba.
Esta es mi primera frase.
Esta es una frase corta.
Esto funciona muy bien.
¡Funciona!
Traduce esta frase.
Traduce este texto al español, por favor.
¿Puedes traducirme esto?
El libro está sobre la mesa.
La casa es grande.
El cielo es azul.
El sol brilla.
Los niños están jugando en el jardín.
El perro está ladrando.
Mi madre es médica.
Mi hermano vive en Canadá.
Vivo en un pueblo pequeño.
Quisiera un vaso de agua, por favor.
Quisiera pedir.
Érase una vez un rey.
El tiempo es oro.
Más vale tarde que nunca.
La práctica hace al maestro.
La vida es bella.
El conocimiento es poder.
Pienso, luego existo.
Todo lo que necesitas es amor.
Guarda el archivo y cierra la ventana.
Abre el archivo y léelo.
Pulse cualquier tecla para continuar.
Su contraseña es incorrecta.
Inicie sesión en su cuenta.
Regístrate gratis.
Términos y condiciones
Política de privacidad
Preguntas frecuentes
Sobre nosotros
Contáctenos
Leer más
Añadir al carrito
Uno, dos, tres, cuatro, cinco.
Lunes, martes, miércoles
Rojo, verde, azul y amarillo
¿Está todo bien?
Todo está bien.
¿Qué pasó?
¿Por qué?
¿Por qué no?
¿Quién eres?
¿Qué estás haciendo?
¿A qué te dedicas?
¿Qué es esto?
¿Qué es eso?
¿Cuándo llegas?
¿Estás listo?
¡Vamos!
Ven aquí.
Espera un momento.
¡Ten cuidado!
¡Alto!
¡Feliz lunes!
¡Buena idea!
¡Bien hecho!
¡Genial!
De acuerdo
De acuerdo.
Gracias
¡Gracias!
¡Muchas gracias!
¡Muchísimas gracias!
Gracias por tu ayuda.
Gracias de antemano.
Muchas gracias por tu mensaje.
Estimado señor o señora:
Estimada Sra. Lopez:
Atentamente,
Saludos cordiales,
Saludos cordiales
Un cordial saludo,
